-- ARGV: partition, inquiry, instant, two events, version, why the epoch ends, when, whether the count of sessions starts
-- anew, how many events, for each its name and five columns, then fields and values; an empty value is none.
local ids = { ARGV[4], ARGV[5] }
open(ARGV[1], ARGV[2], ARGV[3])
if not load_inquiry() then
  return { 'missing' }
end
if inquiry.version ~= ARGV[6] then
  return { 'conflict' }
end
if can_expire() then
  leave_sweep()
end
if ARGV[7] ~= '' then
  end_epoch(ARGV[7], ARGV[8])
end
if ARGV[9] ~= '' then
  set('sessions', '0')
end
set('version', next_number(inquiry.version, '18446744073709551615'))
local at = 11
for number = 1, tonumber(ARGV[10]) do
  local columns = {}
  for column, field in ipairs({ 'word', 'link', 'session', 'instant', 'number' }) do
    local value = ARGV[at + column]
    if value ~= '' then
      columns[#columns + 1] = field
      columns[#columns + 1] = value
    end
  end
  event(ids, number, ARGV[at], unpack(columns))
  at = at + 6
end
for i = at, #ARGV, 2 do
  local field, value = ARGV[i], ARGV[i + 1]
  if value ~= '' then
    set(field, value)
  elseif inquiry[field] then
    inquiry[field] = nil
    write('HDEL', key('inquiry'), field)
  end
end
if can_expire() then
  write('ZREM', base .. 'ended', name)
  enter_sweep()
else
  enter_ended()
end
save_inquiry()
return { 'change', inquiry_flat }
