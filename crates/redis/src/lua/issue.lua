-- ARGV: partition, inquiry, instant, two events, link, digest, purpose, parent, creator, key, nonce, until, what of those
-- outstanding, keys, live until, look-up, place.
-- A cluster has written the look-up before, so there it is empty.
local id, purpose, parent_id, lookup = ARGV[6], ARGV[8], ARGV[9], ARGV[17]
local ids = { ARGV[4], ARGV[5] }
open(ARGV[1], ARGV[2], ARGV[3])
if not load_inquiry() then
  return { 'missing' }
end
if not is_open() then
  if has_lapsed() then
    expire(ids, 'deadline', inquiry.expires)
    save_inquiry()
    return { 'expire', '', inquiry_flat }
  end
  return { 'none', '', inquiry_flat }
end
local parent, parent_flat
if parent_id ~= '' then
  parent, parent_flat = load(key('session', parent_id))
  if not parent or parent.revoked or parent.epoch ~= inquiry.epoch or parent.expires <= now then
    return { 'none', '', inquiry_flat, parent_flat or false }
  end
end

local number, has_links = generation(purpose)

-- The newest link that fits, in the order of ids, which is the order of their text.
local function fitting()
  local from, step = 0, 32
  while true do
    local page = redis.call('ZREVRANGE', key('links'), from, from + step - 1)
    for _, other in ipairs(page) do
      local link, flat = load(key('link', other))
      local unclaimed = link.state == 'unused' or link.state == 'claimed' and link.lease <= now
      if unclaimed and link.epoch == inquiry.epoch and link.purpose == purpose
          and (link.parent or '') == parent_id and link.generation == number and not link.revoked
          and now < link.expires and ARGV[16] <= link.expires
          and link.key and ARGV[15]:sub(tonumber(link.key) + 1, tonumber(link.key) + 1) == '1' then
        return other, flat
      end
    end
    if #page < step then
      return nil
    end
    from = from + step
  end
end

if ARGV[14] == 'return' and has_links then
  local found, flat = fitting()
  if found then
    event(ids, 1, 'one-time-link.reused', 'link', found)
    save_inquiry()
    return { 'reuse', found, inquiry_flat, parent_flat or false, flat }
  end
end

if redis.call('EXISTS', key('link', id)) == 1 or lookup ~= '' and redis.call('EXISTS', lookup) == 1 then
  return { 'taken' }
end
local expires = ARGV[13]
if expires == '' then
  local window = inquiry.policy:match('"one%-time%-link%-expiration%-seconds":(%d+)')
  if purpose == 'resume' then
    window = inquiry.policy:match('"resume%-link%-expiration%-seconds":(%d+)')
      or inquiry.policy:match('"expiration%-after%-resume%-interval%-seconds":(%d+)')
  end
  expires = later(now, tonumber(window))
end
if inquiry.expires < expires then
  expires = inquiry.expires
end
if parent and parent.expires < expires then
  expires = parent.expires
end
local word, last = 'create', 1
if has_links and ARGV[14] ~= 'keep' then
  word, last = 'supersede', 2
  end_generation(purpose, 'superseded', id)
  number = inquiry[purpose]
  event(ids, 1, 'one-time-link.superseded', 'word', purpose, 'link', id)
end
set(purpose, number .. '+')
event(ids, last, 'one-time-link.created', 'link', id, 'word', purpose, 'instant', expires)
local fields = { 'digest', ARGV[7], 'purpose', purpose, 'epoch', inquiry.epoch, 'generation', number,
  'created', now, 'expires', expires, 'state', 'unused' }
for field, value in pairs({ parent = parent_id, creator = ARGV[10], key = ARGV[11], nonce = ARGV[12] }) do
  if value ~= '' then
    fields[#fields + 1] = field
    fields[#fields + 1] = value
  end
end
write('HSET', key('link', id), unpack(fields))
write('ZADD', key('links'), 0, id)
write('ZADD', base .. 'old-links', whole_second(expires), name .. '/' .. id)
if parent then
  write('HINCRBY', key('session', parent_id), 'links', 1)
end
if lookup ~= '' then
  write('SET', lookup, ARGV[18])
end
save_inquiry()
return { word, expires, inquiry_flat, parent_flat or false }
