-- ARGV: prefix, first partition, how many partitions, limit, looks, instant, horizon of links and sessions, their
-- retention in seconds, horizon of inquiries, repeats after, the window of repeats in whole seconds, and whether this is
-- a cluster. A horizon is the instant whose things have been kept long enough; it is empty if there is none.
local prefix, first, left, looks = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[4]), tonumber(ARGV[5])
local instant, horizon, retention = ARGV[6], ARGV[7], tonumber(ARGV[8])
local inquiry_horizon, repeats_after, window = ARGV[9], ARGV[10], tonumber(ARGV[11])
local is_cluster = ARGV[12] == 'cluster'
local links, sessions, inquiries = 0, 0, 0

-- The first of an index whose retention has run.
local function due(index, horizon)
  if horizon == '' then
    return nil
  end
  return redis.call('ZRANGEBYSCORE', base .. index, '-inf', tonumber(horizon:sub(1, 12)), 'LIMIT', 0, 1)[1]
end

local function has_room()
  return 0 < left and 0 < looks
end

-- An inquiry that ended and holds nothing any more may go by its own retention.
local function file_if_empty()
  if redis.call('EXISTS', key('links'), key('sessions')) == 0 and load_inquiry() and not can_expire() then
    enter_ended()
    flush()
  end
end

-- Until when a lease, a grace, a repeat or a live session holds a link; empty if nothing does.
local function held_until(link)
  local held = ''
  local function hold(at)
    if at and now < at and held < at then
      held = at
    end
  end
  if link.state == 'claimed' then
    hold(link.lease)
  elseif link.state == 'used' then
    hold(link.grace)
    if repeats_after < link.used then
      hold(later(link.used, window))
    end
    local session = load(key('session', link.session))
    if session and inquiry and not session.revoked and session.epoch == inquiry.epoch and is_open() then
      hold(session.expires)
    end
  end
  return held
end

-- A session stays as long as a link names it.
local function unname_session(id)
  local session = id and load(key('session', id))
  if not session then
    return
  end
  local named = tonumber(session.links) - 1
  write('HSET', key('session', id), 'links', string.format('%.0f', named))
  if named <= 0 then
    enter_old_sessions(id, session.expires)
  end
end

-- Forgets the reasons that no kept link can ask for. Looking at all that stay leaves two for each at the most, so it
-- pays for itself.
local function forget_endings()
  local kept = redis.call('ZCARD', key('links'))
  if kept == 0 then
    redis.call('DEL', key('epochs'), key('generations'))
  elseif kept * 4 + 8 < redis.call('HLEN', key('epochs')) + redis.call('HLEN', key('generations')) then
    local carried = {}
    for _, id in ipairs(redis.call('ZRANGE', key('links'), 0, -1)) do
      local fields = redis.call('HMGET', key('link', id), 'epoch', 'purpose', 'generation')
      carried[fields[1]] = true
      carried[fields[2] .. '/' .. fields[3]] = true
    end
    for _, kind in ipairs({ 'epochs', 'generations' }) do
      for _, ended in ipairs(redis.call('HKEYS', key(kind))) do
        if not carried[ended] then
          redis.call('HDEL', key(kind), ended)
        end
      end
    end
  end
end

local function purge_link(partition, member)
  local tenant, id, link_id = member:match('^([^/]+)/([^/]+)/([^/]+)$')
  name = tenant .. '/' .. id
  local link = load(key('link', link_id))
  load_inquiry()
  if not link then
    redis.call('ZREM', base .. 'old-links', member)
    return
  end
  local held = held_until(link)
  if held ~= '' then
    -- Again when what holds it is over: the horizon is then as far behind as it is now.
    redis.call('ZADD', base .. 'old-links', whole_second(held) - retention, member)
    return
  end
  local lookup = prefix .. ':code:' .. link.digest
  local place = string.format('%02x/%s/%s', partition, name, link_id)
  if is_cluster then
    write('SADD', base .. 'gone', link.digest .. '/' .. place)
  elseif redis.call('GET', lookup) == place then
    write('DEL', lookup)
  end
  write('DEL', key('link', link_id))
  write('ZREM', key('links'), link_id)
  write('ZREM', base .. 'old-links', member)
  if link.state == 'used' then
    unname_session(link.session)
  end
  unname_session(link.parent)
  flush()
  forget_endings()
  file_if_empty()
  left, links = left - 1, links + 1
end

local function purge_session(member)
  local tenant, id, session_id = member:match('^([^/]+)/([^/]+)/([^/]+)$')
  name = tenant .. '/' .. id
  local session = load(key('session', session_id))
  redis.call('ZREM', base .. 'old-sessions', member)
  -- One that a link names is filed again when that link goes.
  if session and tonumber(session.links) <= 0 then
    redis.call('DEL', key('session', session_id))
    redis.call('ZREM', key('sessions'), session_id)
    file_if_empty()
    left, sessions = left - 1, sessions + 1
  end
end

local function purge_inquiry(member)
  name = member
  redis.call('ZREM', base .. 'ended', member)
  -- One that holds something is filed again when that is gone.
  if load_inquiry() and not can_expire() and ended_at() <= inquiry_horizon
      and tonumber(inquiry.unacknowledged or '0') == 0
      and redis.call('EXISTS', key('links'), key('sessions')) == 0 then
    redis.call('DEL', key('inquiry'), key('epochs'), key('generations'))
    left, inquiries = left - 1, inquiries + 1
  end
end

-- A cluster is asked partition by partition: so `base` is the one whose look-ups are to go.
local function answer(more, partition)
  local gone = is_cluster and redis.call('SMEMBERS', base .. 'gone') or {}
  return { links, sessions, inquiries, looks, more, partition, gone }
end

for step = 0, tonumber(ARGV[3]) - 1 do
  local partition = (first + step) % 256
  open(string.format('{%s:%02x}:', prefix, partition), '', instant)
  for _, kind in ipairs({ 'old-links', 'old-sessions', 'ended' }) do
    local horizon = kind == 'ended' and inquiry_horizon or horizon
    local member = due(kind, horizon)
    while member do
      if not has_room() then
        return answer(1, partition)
      end
      looks = looks - 1
      if kind == 'old-links' then
        purge_link(partition, member)
      elseif kind == 'old-sessions' then
        purge_session(member)
      else
        purge_inquiry(member)
      end
      member = due(kind, horizon)
    end
  end
end
return answer(0, first)
