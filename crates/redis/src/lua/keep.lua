-- KEYS: a look-up. ARGV: its place. It stays for good, unless it names another place.
local place = redis.call('GET', KEYS[1])
if place and place ~= ARGV[1] then
  return 0
end
redis.call('SET', KEYS[1], ARGV[1])
return 1
