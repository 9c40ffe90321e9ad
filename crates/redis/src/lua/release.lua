-- ARGV: partition, inquiry, instant, link, claim token.
base, name, now = ARGV[1], ARGV[2], ARGV[3]
local link, line = load_link(ARGV[4])
if not link then
  return false
end
if link.state == 'claimed' and link.token == ARGV[5] and now < link.lease then
  redis.call('HSET', key('links'), ARGV[4], link.head .. 'unused')
  return { 'release', line }
end
return { 'none', line }
