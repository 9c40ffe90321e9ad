-- Starts a session; `link` is the one whose first use starts it, and `links` how many name it.
local function start_session(id, token, link, links)
  redis.call('HSET', key('sessions'), id, '\t' .. inquiry.epoch .. '\t' .. now .. '\t' .. inquiry.expires .. '\t' .. link
    .. '\t' .. links .. '\t' .. token)
  redis.call('ZADD', key('session-ids'), '0', id)
  inquiry.sessions = string.format('%.0f', inquiry.sessions + 1)
end
