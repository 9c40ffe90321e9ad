-- ARGV: partition, inquiry, instant, event, then fields and values.
local ids = { ARGV[4] }
open(ARGV[1], ARGV[2], ARGV[3])
if redis.call('EXISTS', key('inquiry')) == 1 then
  return { 'exists' }
end
inquiry = {}
for i = 5, #ARGV, 2 do
  set(ARGV[i], ARGV[i + 1])
end
inquiry.sequence = '0'
event(ids, 1, 'inquiry.created')
if can_expire() then
  enter_sweep()
else
  enter_ended()
end
save_inquiry()
return { 'create' }
