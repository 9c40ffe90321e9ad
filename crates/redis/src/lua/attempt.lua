-- What an attempt on a link is judged by. Only the conditions of writes stand here: the library judges the same
-- records again, names the reasons, and checks that what was written is what its own rule asks for.
local link, link_line = load_link(link_id)
if not link or not load_inquiry() then
  return false
end
local session, parent
local session_line, parent_line, epoch_end, generation_end = false, false, false, false
if link.state == 'used' then
  session, session_line = load_session(link.session)
end
if link.parent ~= '' then
  parent, parent_line = load_session(link.parent)
end
if inquiry[link.purpose] ~= link.generation .. '+' then
  generation_end = redis.call('HGET', key('generations'), link.purpose .. '/' .. link.generation)
end
if link.epoch ~= inquiry.epoch then
  epoch_end = redis.call('HGET', key('epochs'), link.epoch)
end
local answer = { 'none', inquiry_line, link_line, session_line, parent_line, epoch_end, generation_end, name, link_id }

local is_revoked = link.revoked ~= ''
  or generation_end and generation_end:match('^%d+ (%S+)') == 'revoked'
  or epoch_end and epoch_end:match('^%d+ (%S+)') == 'revoked'
  or link.parent ~= '' and (not parent or parent.revoked ~= '')
local is_alive = not is_revoked and inquiry[link.purpose] == link.generation .. '+' and link.epoch == inquiry.epoch
  and is_open()
local session_is_live = session and session.revoked == '' and session.epoch == inquiry.epoch and now < session.expires
  and is_open()
local parent_is_over = parent and parent.expires <= now

local function save_link(state)
  redis.call('HSET', key('links'), link_id, link.head .. state)
end

-- The newest four tokens of a session are good.
local function add_token(token)
  session.tokens = (token .. '\t' .. session.tokens):match('^%x+\t?%x*\t?%x*\t?%x*')
  save_session(link.session, session)
end
