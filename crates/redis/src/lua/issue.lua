-- ARGV: partition, inquiry, instant, two events, link, digest, purpose, parent, what is known of it (when, by whom, key,
-- nonce), until, what of those outstanding, keys, live until, look-up, place.
-- A cluster has written the look-up before, so there it is empty.
local id, purpose, parent_id, outstanding, lookup = ARGV[6], ARGV[8], ARGV[9], ARGV[12], ARGV[15]
base, name, now = ARGV[1], ARGV[2], ARGV[3]
if not load_inquiry() then
  return { 'missing' }
end
local answer = { 'none', inquiry_line, false, '', false }
-- It starts no session.
local is_full = false

-- The newest link that fits, in the order of ids, which is the order of their text.
local function find_fitting()
  local from, step = 0, 32
  while true do
    local page = redis.call('ZREVRANGE', key('link-ids'), from, from + step - 1)
    for _, other in ipairs(page) do
      local link, line = load_link(other)
      local unclaimed = link.state == 'unused' or link.state == 'claimed' and link.lease <= now
      if unclaimed and link.epoch == inquiry.epoch and link.purpose == purpose and link.parent == parent_id
          and link.generation .. '+' == inquiry[purpose] and link.revoked == '' and now < link.expires
          and ARGV[14] <= link.expires and link.key ~= ''
          and ARGV[13]:sub(link.key + 1, link.key + 1) == '1' then
        return other, line
      end
    end
    if #page < step then
      return nil
    end
    from = from + step
  end
end

if is_open() then
  local parent
  if parent_id ~= '' then
    parent, answer[3] = load_session(parent_id)
    if not parent or parent.revoked ~= '' or parent.epoch ~= inquiry.epoch or parent.expires <= now then
      return answer
    end
  end
  local number, plus = inquiry[purpose]:match('^(%d+)(%+?)$')
  if plus == '+' and outstanding == 'return' then
    local found, line = find_fitting()
    if found then
      event(ARGV[4], 'one-time-link.reused', '', found, '', '', '')
      save_inquiry()
      answer[1], answer[4], answer[5] = 'reuse', found, line
      return answer
    end
  end

  local expires = ARGV[11]
  if expires == '' then
    local after_resume, resume, handoff = inquiry.windows:match('^%d+\t%d*\t(%d+)\t(%d*)\t(%d+)$')
    if purpose == 'device-handoff' then
      expires = later(now, handoff)
    else
      expires = later(now, resume ~= '' and resume or after_resume)
    end
  end
  if inquiry.expires < expires then
    expires = inquiry.expires
  end
  if parent and parent.expires < expires then
    expires = parent.expires
  end
  local supersedes = plus == '+' and outstanding ~= 'keep'
  if supersedes then
    number = next_number(number, '4294967295')
  end
  local line = '\t' .. ARGV[7] .. '\t' .. purpose .. '\t' .. inquiry.epoch .. '\t' .. number .. '\t' .. expires .. '\t'
    .. parent_id .. '\t' .. ARGV[10] .. '\tunused'
  if redis.call('HSETNX', key('links'), id, line) == 0 then
    return { 'taken' }
  end
  if lookup ~= '' and redis.call('SETNX', lookup, ARGV[16]) == 0 then
    redis.call('HDEL', key('links'), id)
    return { 'taken' }
  end
  redis.call('ZADD', key('link-ids'), '0', id)
  redis.call('ZADD', base .. 'old-links', whole_second(expires), name .. '/' .. id)
  if parent then
    parent.links = string.format('%.0f', parent.links + 1)
    save_session(parent_id, parent)
  end
  local next_event = ARGV[4]
  if supersedes then
    end_generation(purpose, 'superseded', id)
    event(next_event, 'one-time-link.superseded', purpose, id, '', '', '')
    next_event = ARGV[5]
  end
  inquiry[purpose] = number .. '+'
  event(next_event, 'one-time-link.created', purpose, id, '', expires, '')
  save_inquiry()
  answer[1], answer[4] = supersedes and 'supersede' or 'create', expires
  return answer
end
