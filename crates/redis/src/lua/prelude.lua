-- What every script begins with: where things are, and how instants are reckoned with.
-- A record is a line: its fields in their order, with tabs between them; one that is empty is none.
-- Numbers of a script are doubles. So an instant is text: 18 digits of microseconds, the first 12 of which are
-- seconds; two of them are compared as text. Epochs, versions and numbers of events are decimal text, too.
-- An error after a write would leave half a change: whatever is read is read, and found to be whole, before the first write.
local base, name, now

local function key(kind)
  return base .. kind .. ':' .. name
end

-- The instant that many seconds later, at most the last one.
local function later(at, seconds)
  local sum = at:sub(1, 12) + seconds
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
