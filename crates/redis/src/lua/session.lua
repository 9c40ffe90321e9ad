-- The record of a session, which has no place in it for its id; nil if there is none.
local function load_session(id)
  local line = redis.call('HGET', key('sessions'), id)
  if not line then
    return nil, false
  end
  local revoked, epoch, started, expires, link, links, tokens =
    line:match('^(%d*)\t(%d+)\t(%d+)\t(%d+)\t(%C*)\t(%d+)\t(%x.*)$')
  if not epoch then
    error('a session that cannot be read')
  end
  return { revoked = revoked, epoch = epoch, started = started, expires = expires, link = link, links = links,
    tokens = tokens }, line
end

local function save_session(id, s)
  redis.call('HSET', key('sessions'), id,
    table.concat({ s.revoked, s.epoch, s.started, s.expires, s.link, s.links, s.tokens }, '\t'))
end
