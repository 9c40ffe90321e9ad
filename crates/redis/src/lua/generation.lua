-- Ends the generation of links of that purpose, if any link was made in it (L5, L6).
local function end_generation(purpose, why, by)
  local number = inquiry[purpose]:match('^(%d+)%+$')
  if not number then
    return false
  end
  redis.call('HSET', key('generations'), purpose .. '/' .. number,
    table.concat({ inquiry.sequence, why, by, now }, ' '))
  inquiry[purpose] = next_number(number, '4294967295')
  return true
end
