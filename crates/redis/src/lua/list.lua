-- ARGV: partition, inquiry, link or session, the id below which the page begins, how many at the most.
local kind, below, limit = ARGV[3], ARGV[4], tonumber(ARGV[5])
base, name = ARGV[1], ARGV[2]
local inquiry_line = redis.call('GET', key('inquiry'))
if not inquiry_line then
  return false
end
local ids = redis.call('ZREVRANGEBYLEX', key(kind .. '-ids'), below == '' and '+' or '(' .. below, '-',
  'LIMIT', 0, limit + 1)
local items = {}
for place = 1, math.min(#ids, limit) do
  local id = ids[place]
  if kind == 'session' then
    items[place] = { id, redis.call('HGET', key('sessions'), id) }
  else
    local link, line = load_link(id)
    local session_line, parent_line = false, false
    if link and link.session then
      session_line = redis.call('HGET', key('sessions'), link.session)
    end
    if link and link.parent ~= '' then
      parent_line = redis.call('HGET', key('sessions'), link.parent)
    end
    items[place] = { id, line or false, session_line, parent_line }
  end
end
return { inquiry_line, redis.call('HGETALL', key('epochs')), redis.call('HGETALL', key('generations')), items,
  #ids > limit and 1 or 0 }
