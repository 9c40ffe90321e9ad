-- The record of a link, which has no place in it for its id; nil if there is none. What changes when it is claimed or used
-- stands behind its head.
local function load_link(id)
  local line = redis.call('HGET', key('links'), id)
  if not line then
    return nil
  end
  local head, revoked, digest, purpose, epoch, generation, expires, parent, number, state, rest = line:match(
    '^((%d*)\t(%x+)\t([%l-]+)\t(%d+)\t(%d+)\t(%d+)\t(%C*)\t%d+\t%C*\t(%d*)\t%x*\t)(%l+)\t?(.*)$')
  if not head then
    error('a link that cannot be read')
  end
  local link = { head = head, revoked = revoked, digest = digest, purpose = purpose, epoch = epoch,
    generation = generation, expires = expires, parent = parent, key = number, state = state }
  if state == 'claimed' then
    link.token, link.lease, link.asked = rest:match('^(%x+)\t(%d+)\t(%x*\t%x*)$')
  elseif state == 'used' then
    link.used, link.session, link.replays, link.grace, link.most, link.clients, link.claim, link.asked =
      rest:match('^(%d+)\t([%w_]+)\t(%d+)\t(%d*)\t(%d*)\t(%l*)\t(%x*)\t(%x*\t%x*)$')
  end
  if state ~= 'unused' and not link.asked then
    error('a link that cannot be read')
  end
  return link, line
end
