-- ARGV: partition, inquiry, instant, event, link, claim token, session, its token.
local claim = ARGV[6]
local ids = { ARGV[4] }
open(ARGV[1], ARGV[2], ARGV[3])
if not load_subject(ARGV[5]) then
  return false
end

if link.state == 'used' and link.claim == claim and not is_revoked() and link.epoch == inquiry.epoch
    and session_is_live() then
  add_token(ARGV[8])
  return answer('repeat')
end
if is_alive() and link.state == 'claimed' and link.token == claim and now < link.lease
    and not parent_is_over() then
  if tonumber(inquiry.sessions) < session_limit() then
    use(ids, ARGV[7], ARGV[8], link.attempt, link.binding, claim)
    return answer('use')
  end
  expire(ids, 'session-limit', now)
  return answer('expire')
end
if has_lapsed() then
  expire(ids, 'deadline', inquiry.expires)
  return answer('expire')
end
return answer('none')
