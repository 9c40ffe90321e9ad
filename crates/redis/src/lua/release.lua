-- ARGV: partition, inquiry, instant, link, claim token.
open(ARGV[1], ARGV[2], ARGV[3])
local link, flat = load(key('link', ARGV[4]))
if not link then
  return false
end
if link.state == 'claimed' and link.token == ARGV[5] and now < link.lease then
  write('HSET', key('link', ARGV[4]), 'state', 'unused')
  flush()
  return { 'release', flat }
end
return { 'none', flat }
