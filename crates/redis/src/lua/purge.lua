-- ARGV: prefix, first partition, how many partitions, limit, looks, instant, horizon of links and sessions, their
-- retention in seconds, horizon of inquiries, repeats after, the window of repeats in whole seconds, and whether this is
-- a cluster. A horizon is the instant whose things have been kept long enough; it is empty if there is none.
local prefix, first, left, looks = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[4]), tonumber(ARGV[5])
local horizon, retention = ARGV[7], tonumber(ARGV[8])
local inquiry_horizon, repeats_after, window = ARGV[9], ARGV[10], tonumber(ARGV[11])
local is_cluster = ARGV[12] == 'cluster'
local links, sessions, inquiries, unreadable = 0, 0, 0, 0
now = ARGV[6]

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
  end
end

-- Until when a lease, a grace, a repeat or a live session holds a link; empty if nothing does.
local function held_until(link, session)
  local held = ''
  local function hold(at)
    if now < at and held < at then
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
    if session and inquiry and session.revoked == '' and session.epoch == inquiry.epoch and is_open() then
      hold(session.expires)
    end
  end
  return held
end

-- A session stays as long as a link names it.
local function unname_session(id, session)
  if not session then
    return
  end
  local named = session.links - 1
  session.links = string.format('%.0f', named)
  save_session(id, session)
  if named <= 0 then
    redis.call('ZADD', base .. 'old-sessions', whole_second(session.expires), name .. '/' .. id)
  end
end

-- Forgets the reasons that no kept link can ask for. Looking at all that stay leaves two for each at the most, so it
-- pays for itself.
local function forget_endings()
  local kept = redis.call('HLEN', key('links'))
  if kept == 0 then
    redis.call('DEL', key('epochs'), key('generations'))
  elseif kept * 4 + 8 < redis.call('HLEN', key('epochs')) + redis.call('HLEN', key('generations')) then
    local carried = {}
    for _, id in ipairs(redis.call('HKEYS', key('links'))) do
      local readable, link = pcall(load_link, id)
      if readable then
        carried[link.epoch] = true
        carried[link.purpose .. '/' .. link.generation] = true
      end
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

local purge = {}

purge['old-links'] = function(member, partition)
  local link_id
  name, link_id = member:match('^([^/]+/[^/]+)/([^/]+)$')
  local link = load_link(link_id)
  if not link then
    redis.call('ZREM', base .. 'old-links', member)
    return
  end
  load_inquiry()
  local session, parent = link.session and load_session(link.session), load_session(link.parent)
  local held = held_until(link, session)
  if held ~= '' then
    -- Again when what holds it is over: the horizon is then as far behind as it is now.
    redis.call('ZADD', base .. 'old-links', whole_second(held) - retention, member)
    return
  end
  local lookup = prefix .. ':code:' .. link.digest
  local place = string.format('%02x/%s/%s', partition, name, link_id)
  if is_cluster then
    redis.call('SADD', base .. 'gone', link.digest .. '/' .. place)
  elseif redis.call('GET', lookup) == place then
    redis.call('DEL', lookup)
  end
  redis.call('HDEL', key('links'), link_id)
  redis.call('ZREM', key('link-ids'), link_id)
  redis.call('ZREM', base .. 'old-links', member)
  unname_session(link.session, session)
  unname_session(link.parent, parent)
  forget_endings()
  file_if_empty()
  left, links = left - 1, links + 1
end

purge['old-sessions'] = function(member)
  local session_id
  name, session_id = member:match('^([^/]+/[^/]+)/([^/]+)$')
  local session = load_session(session_id)
  redis.call('ZREM', base .. 'old-sessions', member)
  -- One that a link names is filed again when that link goes.
  if session and tonumber(session.links) <= 0 then
    redis.call('HDEL', key('sessions'), session_id)
    redis.call('ZREM', key('session-ids'), session_id)
    file_if_empty()
    left, sessions = left - 1, sessions + 1
  end
end

purge['ended'] = function(member)
  name = member
  local found = load_inquiry()
  redis.call('ZREM', base .. 'ended', member)
  -- One that holds something is filed again when that is gone.
  if found and not can_expire() and ended_at() <= inquiry_horizon and inquiry.waiting == '0'
      and redis.call('EXISTS', key('links'), key('sessions')) == 0 then
    redis.call('ZREM', listed())
    redis.call('DEL', key('inquiry'), key('epochs'), key('generations'))
    left, inquiries = left - 1, inquiries + 1
  end
end

-- A cluster is asked partition by partition: so `base` is the one whose look-ups are to go.
local function answer(more, partition)
  local gone = is_cluster and redis.call('SMEMBERS', base .. 'gone') or {}
  return { links, sessions, inquiries, looks, more, partition, gone, unreadable }
end

for step = 0, tonumber(ARGV[3]) - 1 do
  local partition = (first + step) % 256
  base = string.format('{%s:%02x}:', prefix, partition)
  for _, kind in ipairs({ 'old-links', 'old-sessions', 'ended' }) do
    local horizon = kind == 'ended' and inquiry_horizon or horizon
    local member = due(kind, horizon)
    while member do
      if not has_room() then
        return answer(1, partition)
      end
      looks = looks - 1
      local done, why = pcall(purge[kind], member, partition)
      if type(why) == 'table' then
        error(why)
      elseif not done then
        -- A record that cannot be read stands in nobody's way: it is left alone for a day.
        unreadable = unreadable + 1
        redis.call('ZADD', base .. kind, horizon:sub(1, 12) + 86400, member)
      end
      member = due(kind, horizon)
    end
  end
end
return answer(0, first)
