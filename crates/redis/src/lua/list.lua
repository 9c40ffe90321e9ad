-- ARGV: partition, inquiry, link or session, the id below which the page begins, how many at the most.
local kind, below, limit = ARGV[3], ARGV[4], tonumber(ARGV[5])
open(ARGV[1], ARGV[2], '')
local inquiry, inquiry_flat = load(key('inquiry'))
if not inquiry then
  return false
end
local ids = redis.call('ZREVRANGEBYLEX', key(kind .. 's'), below == '' and '+' or '(' .. below, '-',
  'LIMIT', 0, limit + 1)
local items = {}
for place = 1, math.min(#ids, limit) do
  local record, flat = load(key(kind, ids[place]))
  local session, session_flat, parent, parent_flat
  if kind == 'link' and record then
    if record.state == 'used' then
      session, session_flat = load(key('session', record.session))
    end
    if record.parent then
      parent, parent_flat = load(key('session', record.parent))
    end
  end
  items[place] = { ids[place], flat or false, session_flat or false, parent_flat or false }
end
return { inquiry_flat, redis.call('HGETALL', key('epochs')), redis.call('HGETALL', key('generations')), items,
  #ids > limit and 1 or 0 }
