-- ARGV: partition, inquiry, instant, two events, what, its id.
local what, id = ARGV[6], ARGV[7]
base, name, now = ARGV[1], ARGV[2], ARGV[3]
if not load_inquiry() then
  return { 'missing' }
end
local record, line = nil, false
if what == 'link' then
  record, line = load_link(id)
elseif what == 'session' then
  record, line = load_session(id)
end
local word, revoked = '', false
local next_event = ARGV[4]
if has_lapsed() then
  word, next_event = 'expire', ARGV[5]
  expire(ARGV[4], 'deadline', inquiry.expires)
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
  revoked = record.revoked == '' and record.epoch == inquiry.epoch and (what == 'link' or now < record.expires)
  if revoked then
    -- Its first field, which is empty, says when.
    redis.call('HSET', key(what .. 's'), id, now .. line)
  end
end
if revoked then
  word = word .. 'revoke'
  event(next_event, 'one-time-link.revoked', what, what == 'link' and id or '',
    what == 'session' and id or '', '', '')
end
if word ~= '' then
  save_inquiry()
end
return { word, inquiry_line, line or false }
