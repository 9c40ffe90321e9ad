-- ARGV: partition, inquiry, instant, two events, version, why the epoch ends, when, whether the count of sessions starts
-- anew, the columns of two events, then the record from its status on; an empty value is none.
base, name, now = ARGV[1], ARGV[2], ARGV[3]
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
  inquiry.sessions = '0'
end
change_version()
for number = 0, 1 do
  if ARGV[10 + number] ~= '' then
    event(ARGV[4 + number], ARGV[10 + number])
  end
end
replace(12)
file()
save_inquiry()
return { 'change', inquiry_line }
