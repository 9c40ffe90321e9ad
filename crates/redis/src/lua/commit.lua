-- ARGV: partition, inquiry, instant, event, link, claim token, session, its token.
local new_session, token, asked, claim = ARGV[7], ARGV[8], link.asked, ARGV[6]
local is_first_use, is_full = false, false

if link.state == 'used' and link.claim == claim and not is_revoked and link.epoch == inquiry.epoch
    and session_is_live then
  add_token(token)
  answer[1] = 'repeat'
  return answer
end
if is_alive and link.state == 'claimed' and link.token == claim and now < link.lease and not parent_is_over then
  is_first_use = tonumber(inquiry.sessions) < tonumber(inquiry.limit)
  is_full = not is_first_use
end
