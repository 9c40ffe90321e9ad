-- ARGV: partition, then places in its stream.
local acknowledged = 0
for i = 2, #ARGV do
  local entry = redis.call('XRANGE', ARGV[1] .. 'outbox', ARGV[i], ARGV[i])[1]
  if entry then
    local fields = {}
    for j = 1, #entry[2], 2 do
      fields[entry[2][j]] = entry[2][j + 1]
    end
    open(ARGV[1], fields.inquiry, '')
    write('XDEL', base .. 'outbox', ARGV[i])
    if load_inquiry() then
      local waiting = math.max(tonumber(inquiry.unacknowledged or '0') - 1, 0)
      set('unacknowledged', string.format('%.0f', waiting))
      if waiting == 0 and not can_expire() then
        enter_ended()
      end
    end
    save_inquiry()
    acknowledged = acknowledged + 1
  end
end
return acknowledged
