-- ARGV: partition, then places in its stream.
local acknowledged = 0
base = ARGV[1]
for i = 2, #ARGV do
  local entry = redis.call('XRANGE', base .. 'outbox', ARGV[i], ARGV[i])[1]
  if entry then
    name = entry[2][2]:match('^%C+\t(%C+)\t')
    if not name then
      error('an event that cannot be read')
    end
    if load_inquiry() then
      local waiting = math.max(inquiry.waiting - 1, 0)
      inquiry.waiting = string.format('%.0f', waiting)
      if waiting == 0 and not can_expire() then
        enter_ended()
      end
      save_inquiry()
    end
    redis.call('XDEL', base .. 'outbox', ARGV[i])
    acknowledged = acknowledged + 1
  end
end
return acknowledged
