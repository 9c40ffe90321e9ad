-- ARGV: prefix, place, tenant, digest, session.
-- A place is partition, tenant, inquiry and link; the link is empty if only the inquiry is wanted. It is empty itself on
-- a single server, when KEYS[1] is the look-up that says it. The session is the one that is asked for, if one is.
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
open('{' .. ARGV[1] .. ':' .. partition .. '}:', owner .. '/' .. id, '')
local inquiry, inquiry_flat = load(key('inquiry'))
if not inquiry then
  return false
end
local session_id, link_flat, session_flat, parent_flat, _ = ARGV[5], false, false, false, nil
if link_id ~= '' then
  local link
  link, link_flat = load(key('link', link_id))
  if not link or ARGV[4] ~= '' and link.digest ~= ARGV[4] then
    return false
  end
  if link.state == 'used' then
    session_id = link.session
  end
  if link.parent then
    _, parent_flat = load(key('session', link.parent))
  end
end
if session_id ~= '' then
  _, session_flat = load(key('session', session_id))
end
return { name, link_id, inquiry_flat, redis.call('HGETALL', key('epochs')),
  redis.call('HGETALL', key('generations')), link_flat, session_flat or false, parent_flat or false, session_id }
