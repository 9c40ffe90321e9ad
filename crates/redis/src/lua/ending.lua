-- How an inquiry ends, and what housekeeping finds it by.
local function has_lapsed()
  return can_expire() and inquiry.expires <= now
end

-- Those of one second are in order of their microseconds.
local function leave_sweep()
  redis.call('ZREM', base .. 'sweep', inquiry.expires:sub(13) .. '/' .. name)
end

local function ended_at()
  local last = ''
  for _, at in ipairs({ inquiry.redacted, inquiry.expired, inquiry.facts:match('^(%d*)\t(%d*)\t(%d*)\t(%d*)') }) do
    if last < at then
      last = at
    end
  end
  return last
end

local function enter_ended()
  local at = ended_at()
  if at ~= '' then
    redis.call('ZADD', base .. 'ended', whole_second(at), name)
  end
end

-- What died with the epoch is not superseded later: its generations end with it.
local function end_epoch(why, at)
  local has_links = redis.call('EXISTS', key('generations')) == 1
  local epoch, sequence = inquiry.epoch, inquiry.sequence
  for _, purpose in ipairs({ 'resume', 'device-handoff' }) do
    local number = inquiry[purpose]:match('^(%d+)%+$')
    if number then
      has_links = true
      inquiry[purpose] = next_number(number, '4294967295')
    end
  end
  if has_links then
    redis.call('HSET', key('epochs'), epoch, table.concat({ sequence, why, at }, ' '))
  end
  inquiry.epoch = next_number(epoch, '9223372036854775807')
end

local function change_version()
  inquiry.version = next_number(inquiry.version, '18446744073709551615')
end

local function expire(id, cause, at)
  leave_sweep()
  inquiry.status, inquiry.expired = 'expired', at
  if inquiry.redacted == '' then
    end_epoch(cause, at)
  end
  change_version()
  enter_ended()
  event(id, 'inquiry.expired', cause, '', '', at, '')
end
