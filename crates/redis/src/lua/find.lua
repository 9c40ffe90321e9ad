-- ARGV: prefix, place, tenant, event, instant, and more.
-- A place is partition, tenant, inquiry and link. A single server is asked once: the place is empty, and KEYS[1] is the
-- look-up, from which the script learns the other keys. A cluster is asked for the look-up first; then the place is
-- given, and KEYS are those of its partition.
local place = ARGV[2]
if place == '' then
  place = redis.call('GET', KEYS[1])
  if not place then
    return false
  end
end
local partition, owner, id, link_id = place:match('^(%x%x)/([^/]+)/([^/]+)/([^/]*)$')
if not partition then
  error('a look-up that cannot be read')
end
if owner ~= ARGV[3] then
  return false
end
base, name, now = '{' .. ARGV[1] .. ':' .. partition .. '}:', owner .. '/' .. id, ARGV[5]
