-- KEYS: a look-up. ARGV: its place. It goes, unless it names another place.
if redis.call('GET', KEYS[1]) == ARGV[1] then
  redis.call('DEL', KEYS[1])
end
return 1
