-- ARGV: partition, inquiry, instant, event, session, its token.
local ids = { ARGV[4] }
open(ARGV[1], ARGV[2], ARGV[3])
if not load_inquiry() then
  return false
end
local word = 'none'
if not is_open() then
  if has_lapsed() then
    expire(ids, 'deadline', inquiry.expires)
    word = 'expire'
  end
elseif tonumber(inquiry.sessions) < session_limit() then
  start_session(ARGV[5], ARGV[6], '')
  word = 'start'
else
  expire(ids, 'session-limit', now)
  word = 'expire'
end
save_inquiry()
return { word, inquiry_flat }
