-- The first use fixes the grace, starts the session, and is an event (D1, E7, D7).
if is_first_use then
  local grace = '\t\t'
  local window, rest = inquiry.grace:match('^(%d+)(\t.*)$')
  if window then
    grace = later(now, window) .. rest
  end
  save_link('used\t' .. now .. '\t' .. new_session .. '\t0\t' .. grace .. '\t' .. claim .. '\t' .. asked)
  start_session(new_session, token, link_id, '1')
  event(ARGV[4], 'one-time-link.redeemed', '', link_id, new_session, '', '')
  save_inquiry()
  answer[1] = 'use'
  return answer
end
