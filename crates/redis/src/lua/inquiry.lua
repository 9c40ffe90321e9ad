-- An inquiry that is being changed: its fields, its epoch, its events, and the indexes that housekeeping finds it by.
local inquiry, inquiry_flat
local changes = {}

local function load_inquiry()
  inquiry, inquiry_flat = load(key('inquiry'))
  return inquiry
end

local function set(field, value)
  inquiry[field] = value
  changes[#changes + 1] = field
  changes[#changes + 1] = value
end

-- Says what happened; `ids` are empty without an outbox.
local function event(ids, number, kind, ...)
  set('sequence', next_number(inquiry.sequence, '18446744073709551615'))
  if ids[number] and ids[number] ~= '' then
    write('XADD', base .. 'outbox', '0-*', 'id', ids[number], 'inquiry', name, 'sequence', inquiry.sequence,
      'at', now, 'name', kind, ...)
    set('unacknowledged', string.format('%.0f', tonumber(inquiry.unacknowledged or '0') + 1))
  end
end

local function can_expire()
  return inquiry.status == 'created' or inquiry.status == 'pending'
end

local function is_open()
  return can_expire() and not inquiry.redacted and now < inquiry.expires
end

local function has_lapsed()
  return can_expire() and inquiry.expires <= now
end

-- Those of one second are in order of their microseconds.
local function leave_sweep()
  write('ZREM', base .. 'sweep', inquiry.expires:sub(13) .. '/' .. name)
end

local function enter_sweep()
  write('ZADD', base .. 'sweep', tonumber(inquiry.expires:sub(1, 12)), inquiry.expires:sub(13) .. '/' .. name)
end

local function ended_at()
  local last = ''
  for _, field in ipairs({ 'completed', 'failed', 'expired', 'marked', 'decisioned', 'redacted' }) do
    local at = inquiry[field]
    if at and last < at then
      last = at
    end
  end
  return last
end

local function enter_ended()
  local at = ended_at()
  if at ~= '' then
    write('ZADD', base .. 'ended', whole_second(at), name)
  end
end

-- The number of the current generation, and whether a link was made in it.
local function generation(purpose)
  local number, has_links = inquiry[purpose]:match('^(%d+)(%+?)$')
  return number, has_links == '+'
end

local function next_generation(purpose, number)
  set(purpose, next_number(number, '4294967295'))
end

local function end_generation(purpose, why, by)
  local number, has_links = generation(purpose)
  if not has_links then
    return false
  end
  write('HSET', key('generations'), purpose .. '/' .. number,
    table.concat({ inquiry.sequence, why, by, now }, ' '))
  next_generation(purpose, number)
  return true
end

local function end_epoch(why, at)
  local resume, resume_has_links = generation('resume')
  local handoff, handoff_has_links = generation('device-handoff')
  if resume_has_links or handoff_has_links or redis.call('EXISTS', key('generations')) == 1 then
    write('HSET', key('epochs'), inquiry.epoch, table.concat({ inquiry.sequence, why, at }, ' '))
  end
  set('epoch', next_number(inquiry.epoch, '9223372036854775807'))
  if resume_has_links then
    next_generation('resume', resume)
  end
  if handoff_has_links then
    next_generation('device-handoff', handoff)
  end
end

local function expire(ids, cause, at)
  leave_sweep()
  set('status', 'expired')
  set('expired', at)
  if not inquiry.redacted then
    end_epoch(cause, at)
  end
  set('version', next_number(inquiry.version, '18446744073709551615'))
  enter_ended()
  event(ids, 1, 'inquiry.expired', 'word', cause, 'instant', at)
end

local function save_inquiry()
  if #changes > 0 then
    write('HSET', key('inquiry'), unpack(changes))
  end
  flush()
  changes = {}
end

-- What a purge may remove when the retention has run.
local function enter_old_sessions(id, expires)
  write('ZADD', base .. 'old-sessions', whole_second(expires), name .. '/' .. id)
end

-- `link`: the one whose first use starts it; empty for none.
local function start_session(id, token, link)
  local at = key('session', id)
  write('HSET', at, 'epoch', inquiry.epoch, 'started', now, 'expires', inquiry.expires, 'token1', token,
    'links', link == '' and '0' or '1')
  if link == '' then
    enter_old_sessions(id, inquiry.expires)
  else
    write('HSET', at, 'link', link)
  end
  write('ZADD', key('sessions'), 0, id)
  set('sessions', string.format('%.0f', tonumber(inquiry.sessions) + 1))
end

local function session_limit()
  return tonumber(inquiry.policy:match('"session%-limit":(%d+)'))
end
