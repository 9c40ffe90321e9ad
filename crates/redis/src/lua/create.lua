-- ARGV: partition, inquiry, instant, event, first epoch, then the record from its status on.
base, name, now = ARGV[1], ARGV[2], ARGV[3]
if redis.call('EXISTS', key('inquiry')) == 1 then
  return { 'exists' }
end
inquiry = { epoch = ARGV[5], version = ARGV[5], resume = '0', ['device-handoff'] = '0', sessions = '0', sequence = '0',
  waiting = '0' }
replace(6)
event(ARGV[4], 'inquiry.created\t\t\t\t\t')
file()
local list, member = listed()
redis.call('ZADD', list, 0, member)
save_inquiry()
return { 'create' }
