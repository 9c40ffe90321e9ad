-- ARGV: partition, inquiry, instant, event, session, its token.
base, name, now = ARGV[1], ARGV[2], ARGV[3]
if not load_inquiry() then
  return false
end
local answer = { 'none', inquiry_line }
local is_full = false

if is_open() then
  if tonumber(inquiry.sessions) < tonumber(inquiry.limit) then
    start_session(ARGV[5], ARGV[6], '', '0')
    redis.call('ZADD', base .. 'old-sessions', whole_second(inquiry.expires), name .. '/' .. ARGV[5])
    save_inquiry()
    answer[1] = 'start'
    return answer
  end
  is_full = true
end
