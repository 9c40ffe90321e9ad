-- ARGV: partition, inquiry, instant, two events, what, its id.
local what, id = ARGV[6], ARGV[7]
local ids = { ARGV[4], ARGV[5] }
open(ARGV[1], ARGV[2], ARGV[3])
if not load_inquiry() then
  return { 'missing' }
end
local record, flat
if what == 'link' or what == 'session' then
  record, flat = load(key(what, id))
end
local lapsed, revoked = has_lapsed(), false
if lapsed then
  expire(ids, 'deadline', inquiry.expires)
end
if what == 'all-links' then
  local resume = end_generation('resume', 'revoked', '-')
  local handoff = end_generation('device-handoff', 'revoked', '-')
  revoked = resume or handoff
elseif what == 'everything' then
  revoked = is_open()
  if revoked then
    end_epoch('revoked', now)
  end
elseif record then
  revoked = record.epoch == inquiry.epoch and not record.revoked
    and (what == 'link' or now < record.expires)
  if revoked then
    write('HSET', key(what, id), 'revoked', now)
  end
end
if revoked then
  if record then
    event(ids, lapsed and 2 or 1, 'one-time-link.revoked', 'word', what, what, id)
  else
    event(ids, lapsed and 2 or 1, 'one-time-link.revoked', 'word', what)
  end
end
save_inquiry()
return { (lapsed and 'expire' or '') .. (revoked and 'revoke' or ''), inquiry_flat, flat or false }
