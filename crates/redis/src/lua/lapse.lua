-- Nothing is given. But the inquiry expires if this was to start one session too many, or meets a deadline that nobody
-- has written (E6, I6).
if is_full then
  expire(ARGV[4], 'session-limit', now)
elseif has_lapsed() then
  expire(ARGV[4], 'deadline', inquiry.expires)
else
  return answer
end
save_inquiry()
answer[1] = 'expire'
return answer
