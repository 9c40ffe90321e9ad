-- ARGV: prefix, first partition, how many partitions, limit, instant, then an event for each of the limit, or none.
local prefix, first, limit = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[4])
local seconds = tonumber(ARGV[5]:sub(1, 12))
local swept = {}
now = ARGV[5]

-- The first of a partition that is due, with its deadline.
local function due()
  local head = redis.call('ZRANGE', base .. 'sweep', 0, 0, 'WITHSCORES')
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
  local member, deadline = due()
  while member do
    if limit <= #swept then
      return { swept, 1, partition }
    end
    name = member:sub(8)
    -- One that cannot be read stands in nobody's way.
    local readable, found = pcall(load_inquiry)
    if readable and found and can_expire() and inquiry.expires == deadline then
      expire(ARGV[6 + #swept] or '', 'deadline', deadline)
      save_inquiry()
      swept[#swept + 1] = { name, deadline, inquiry.sequence }
    else
      redis.call('ZREM', base .. 'sweep', member)
    end
    member, deadline = due()
  end
end
return { swept, 0, first }
