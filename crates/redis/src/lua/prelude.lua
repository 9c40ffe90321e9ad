-- What every script begins with: where things are, and writes that wait until everything is decided.
-- Numbers of a script are doubles. So an instant is text: 18 digits of microseconds, the first 12 of which are
-- seconds; two of them are compared as text. Epochs, versions and numbers of events are decimal text, too.
local base, name, now

local function open(partition, inquiry, at)
  base, name, now = partition, inquiry, at
end

local function key(kind, id)
  if id then
    return base .. kind .. ':' .. name .. '/' .. id
  end
  return base .. kind .. ':' .. name
end

-- A record by its fields, and as the engine gives it; nil if there is none.
local function load(at)
  local flat = redis.call('HGETALL', at)
  if #flat == 0 then
    return nil
  end
  local record = {}
  for i = 1, #flat, 2 do
    record[flat[i]] = flat[i + 1]
  end
  return record, flat
end

-- An error after a write would leave half a change: writes wait here until there is nothing left to go wrong.
local writes = {}

local function write(...)
  writes[#writes + 1] = { ... }
end

local function flush()
  for i = 1, #writes do
    redis.call(unpack(writes[i]))
  end
  writes = {}
end

-- The number after that decimal text, which is 0 after `last`; its low digits are added to, so nothing is rounded.
local function next_number(text, last)
  if text == last then
    return '0'
  end
  local high, low = text:match('^(%d-)(%d%d?%d?%d?%d?%d?%d?%d?%d?)$')
  local sum = tonumber(low) + 1
  if high == '' then
    return string.format('%.0f', sum)
  end
  if sum < 1000000000 then
    return high .. string.format('%09.0f', sum)
  end
  return string.format('%.0f', tonumber(high) + 1) .. '000000000'
end

-- The instant that many seconds later, at most the last one.
local function later(at, seconds)
  local sum = tonumber(at:sub(1, 12)) + seconds
  if sum > 253402300799 then
    return '253402300799999999'
  end
  return string.format('%012.0f', sum) .. at:sub(13)
end

-- The first whole second at or after an instant: so a purge is never early.
local function whole_second(at)
  local seconds = tonumber(at:sub(1, 12))
  if at:sub(13) ~= '000000' then
    seconds = seconds + 1
  end
  return seconds
end
