-- What an attempt on a link is judged by. Only the conditions of writes stand here: the library judges the same
-- records again, names the reasons, and checks that what was written is what its own rule asks for.
local link, link_flat, link_id
local session, session_flat, parent, parent_flat
local epoch_end, generation_end = false, false

local function load_subject(id)
  link_id = id
  link, link_flat = load(key('link', id))
  if not link or not load_inquiry() then
    return false
  end
  if link.state == 'used' then
    session, session_flat = load(key('session', link.session))
  end
  if link.parent then
    parent, parent_flat = load(key('session', link.parent))
  end
  if link.generation ~= generation(link.purpose) then
    generation_end = redis.call('HGET', key('generations'), link.purpose .. '/' .. link.generation)
  end
  if link.epoch ~= inquiry.epoch then
    epoch_end = redis.call('HGET', key('epochs'), link.epoch)
  end
  return true
end

local function session_is_live()
  return session and not session.revoked and session.epoch == inquiry.epoch and now < session.expires and is_open()
end

local function is_revoked()
  return link.revoked
    or generation_end and generation_end:match('^%d+ (%S+)') == 'revoked'
    or epoch_end and epoch_end:match('^%d+ (%S+)') == 'revoked'
    or link.parent and (not parent or parent.revoked)
end

local function is_alive()
  return not is_revoked() and link.generation == generation(link.purpose) and link.epoch == inquiry.epoch
    and is_open()
end

local function parent_is_over()
  return parent and parent.expires <= now
end

local function use(ids, id, token, attempt, binding, claim)
  local grace = inquiry.policy:match('"window%-seconds":(%d+)')
  write('HSET', key('link', link_id), 'state', 'used', 'used', now, 'session', id, 'replays', '0',
    'attempt', attempt, 'binding', binding, 'claim', claim)
  if grace then
    write('HSET', key('link', link_id), 'grace', later(now, tonumber(grace)),
      'max-replays', inquiry.policy:match('"max%-replays":(%d+)'),
      'clients', inquiry.policy:match('"clients":"([%a-]+)"'))
  end
  start_session(id, token, link_id)
  event(ids, 1, 'one-time-link.redeemed', 'link', link_id, 'session', id)
end

-- The newest four tokens of a session are good.
local function add_token(token)
  local tokens = { 'token1', token }
  for place = 1, 3 do
    local kept = session['token' .. place]
    if kept then
      tokens[#tokens + 1] = 'token' .. (place + 1)
      tokens[#tokens + 1] = kept
    end
  end
  write('HSET', key('session', link.session), unpack(tokens))
end

local function answer(word)
  save_inquiry()
  return { word, name, link_id, inquiry_flat, link_flat, session_flat or false, parent_flat or false,
    epoch_end, generation_end }
end
