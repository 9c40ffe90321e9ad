-- ARGV: prefix, tenant, direction, how many and how many looks for each partition, instant, statuses with their deadlines,
-- templates, reference, the edge behind which a list ends; then partitions, each with the edge at which it begins.
local prefix, tenant, range, limit, looks = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local reference = ARGV[9]
local deadlines, templates = {}, {}
now = ARGV[6]
for status, deadline in ARGV[7]:gmatch('(%l[%l_]*)=(%l+)') do
  deadlines[status] = deadline
end
for template in ARGV[8]:gmatch('[^\t]+') do
  templates[template] = true
end

local function fits(line)
  local status, expires = line:match('^%d+\t%d+\t%d+%+?\t%d+%+?\t%d+\t%d+\t%d+\t(%l[%l_]*)\t(%d+)\t')
  local referred, template = line:match('\t([^\t]*)\t([^\t]+)$')
  if not status or not template then
    error('an inquiry that cannot be read')
  end
  local deadline = deadlines[status]
  return (deadline == 'any' or deadline == 'ahead' and now < expires or deadline == 'behind' and expires <= now)
    and (ARGV[8] == '' or templates[template]) and (reference == '' or reference == referred)
end

local answers = {}
for place = 11, #ARGV, 2 do
  base = string.format('{%s:%s}:', prefix, ARGV[place])
  local members = redis.call(range, base .. 'listed:' .. tenant, ARGV[place + 1], ARGV[10], 'LIMIT', 0, looks)
  local found, left_at = {}, #members == looks and members[looks] or ''
  for _, member in ipairs(members) do
    name = tenant .. member:sub(19)
    local line = redis.call('GET', key('inquiry'))
    if line and fits(line) then
      found[#found + 1] = member
      found[#found + 1] = line
      if #found == 2 * limit then
        left_at = member
        break
      end
    end
  end
  answers[#answers + 1] = { found, left_at }
end
return answers
