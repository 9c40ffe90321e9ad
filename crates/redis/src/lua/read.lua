-- ARGV: prefix, place, tenant, nothing, nothing, digest, session. The place has no link if only the inquiry is wanted;
-- the session is the one that is asked for, if one is.
local inquiry_line = redis.call('GET', key('inquiry'))
if not inquiry_line then
  return false
end
local link, link_line
local session_id, session_line, parent_line = ARGV[7], false, false
if link_id ~= '' then
  link, link_line = load_link(link_id)
  if not link or ARGV[6] ~= '' and link.digest ~= ARGV[6] then
    return false
  end
  session_id = link.session or ''
  if link.parent ~= '' then
    parent_line = redis.call('HGET', key('sessions'), link.parent)
  end
end
if session_id ~= '' then
  session_line = redis.call('HGET', key('sessions'), session_id)
end
return { name, link_id, inquiry_line, redis.call('HGETALL', key('epochs')), redis.call('HGETALL', key('generations')),
  link_line or false, session_line, parent_line }
