-- An inquiry that is being changed, and its events.
local inquiry, inquiry_line

local function load_inquiry()
  inquiry_line = redis.call('GET', key('inquiry'))
  if not inquiry_line then
    inquiry = nil
    return false
  end
  local epoch, version, resume, handoff, sessions, sequence, waiting, status, expires, redacted, expired, windows, limit,
    grace, facts = inquiry_line:match('^(%d+)\t(%d+)\t(%d+%+?)\t(%d+%+?)\t(%d+)\t(%d+)\t(%d+)\t(%l[%l_]*)\t(%d+)\t(%d*)\t'
      .. '(%d*)\t(%d+\t%d*\t%d+\t%d*\t%d+)\t(%d+)\t(%d*\t%d*\t%l*)\t(.+)$')
  if not epoch then
    error('an inquiry that cannot be read')
  end
  inquiry = { epoch = epoch, version = version, resume = resume, ['device-handoff'] = handoff, sessions = sessions,
    sequence = sequence, waiting = waiting, status = status, expires = expires, redacted = redacted, expired = expired,
    windows = windows, limit = limit, grace = grace, facts = facts }
  return true
end

local function save_inquiry()
  local i, tab = inquiry, '\t'
  -- One operation of the language, where a table would be built first.
  redis.call('SET', key('inquiry'), i.epoch .. tab .. i.version .. tab .. i.resume .. tab .. i['device-handoff'] .. tab
    .. i.sessions .. tab .. i.sequence .. tab .. i.waiting .. tab .. i.status .. tab .. i.expires .. tab .. i.redacted .. tab
    .. i.expired .. tab .. i.windows .. tab .. i.limit .. tab .. i.grace .. tab .. i.facts)
end

-- The number after that decimal text, which is 0 after `last`; its low digits are added to, so nothing is rounded.
local function next_number(text, last)
  if text == last then
    return '0'
  end
  if #text < 15 then
    return string.format('%.0f', text + 1)
  end
  local high, low = text:sub(1, -10), text:sub(-9) + 1
  if low < 1000000000 then
    return high .. string.format('%09.0f', low)
  end
  return string.format('%.0f', high + 1) .. '000000000'
end

-- Says what happened: a name and five columns. The id is empty without an outbox.
local function event(id, ...)
  inquiry.sequence = next_number(inquiry.sequence, '18446744073709551615')
  if id ~= '' then
    redis.call('XADD', base .. 'outbox', '0-*', 'event', table.concat({ id, name, inquiry.sequence, now, ... }, '\t'))
    inquiry.waiting = string.format('%.0f', inquiry.waiting + 1)
  end
end

local function can_expire()
  return inquiry.status == 'created' or inquiry.status == 'pending'
end

local function is_open()
  return can_expire() and inquiry.redacted == '' and now < inquiry.expires
end
