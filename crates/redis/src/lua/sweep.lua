-- ARGV: prefix, first partition, how many partitions, limit, instant, then an event for each of the limit, or none.
local prefix, first, limit = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[4])
local seconds = tonumber(ARGV[5]:sub(1, 12))
local swept, unreadable = {}, 0
now = ARGV[5]

-- The first of a partition that is due, behind so many that cannot be read, with its deadline.
local function due(passed)
  local head = redis.call('ZRANGE', base .. 'sweep', passed, passed, 'WITHSCORES')
  if #head == 0 or seconds < tonumber(head[2]) then
    return nil
  end
  local deadline = string.format('%012.0f', head[2]) .. head[1]:sub(1, 6)
  if now < deadline then
    return nil
  end
  return head[1], deadline
end

for step = 0, tonumber(ARGV[3]) - 1 do
  local partition = (first + step) % 256
  base = string.format('{%s:%02x}:', prefix, partition)
  local passed = 0
  local member, deadline = due(passed)
  while member do
    if limit <= #swept then
      return { swept, 1, partition, unreadable }
    end
    name = member:sub(8)
    local readable, found = pcall(load_inquiry)
    if not readable then
      -- It stands in nobody's way, and waits for whoever can read it.
      passed, unreadable = passed + 1, unreadable + 1
    elseif found and can_expire() and inquiry.expires == deadline then
      expire(ARGV[6 + #swept] or '', 'deadline', deadline)
      save_inquiry()
      swept[#swept + 1] = { name, deadline, inquiry.sequence }
    else
      redis.call('ZREM', base .. 'sweep', member)
    end
    member, deadline = due(passed)
  end
end
return { swept, 0, first, unreadable }
