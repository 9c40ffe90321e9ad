-- ARGV: prefix, place, instant, event, tenant, digest, once or claim, claim token, lease, attempt, binding,
-- repeats after, session, its token.
-- A single server is asked once: the place is empty, and KEYS[1] is the look-up, from which the script learns the
-- other keys. A cluster is asked for the look-up first; then the place is given, and KEYS are those of its partition.
local prefix, place, tenant, digest = ARGV[1], ARGV[2], ARGV[5], ARGV[6]
local once, attempt, binding = ARGV[7] == 'once', ARGV[10], ARGV[11]
local ids = { ARGV[4] }
if place == '' then
  place = redis.call('GET', KEYS[1])
  if not place then
    return false
  end
end
local partition, owner, id, link_name = place:match('^(%x%x)/([^/]+)/([^/]+)/([^/]+)$')
if not partition then
  error('a look-up that cannot be read')
end
if owner ~= tenant then
  return false
end
open('{' .. prefix .. ':' .. partition .. '}:', owner .. '/' .. id, ARGV[3])
if not load_subject(link_name) or link.digest ~= digest then
  return false
end

if link.state == 'used' and attempt ~= '' and link.attempt == attempt and link.binding == binding
    and ARGV[12] < link.used and not is_revoked() and link.epoch == inquiry.epoch and session_is_live() then
  add_token(ARGV[14])
  return answer('repeat')
end
if is_alive() then
  if link.state == 'used' then
    if link.grace and now < link.grace and tonumber(link.replays) < tonumber(link['max-replays'])
        and session_is_live() and not parent_is_over()
        and (link.clients ~= 'same' or link.binding ~= '' and link.binding == binding) then
      local number = string.format('%.0f', tonumber(link.replays) + 1)
      write('HSET', key('link', link_id), 'replays', number)
      add_token(ARGV[14])
      event(ids, 1, 'one-time-link.replayed', 'link', link_id, 'session', link.session, 'number', number)
      return answer('replay')
    end
  elseif now < link.expires and not (link.state == 'claimed' and now < link.lease) then
    if tonumber(inquiry.sessions) < session_limit() then
      if once then
        use(ids, ARGV[13], ARGV[14], attempt, binding, '')
        return answer('use')
      end
      write('HSET', key('link', link_id), 'state', 'claimed', 'token', ARGV[8], 'lease', ARGV[9],
        'attempt', attempt, 'binding', binding)
      return answer('claim')
    elseif once then
      expire(ids, 'session-limit', now)
      return answer('expire')
    end
  end
end
if has_lapsed() then
  expire(ids, 'deadline', inquiry.expires)
  return answer('expire')
end
return answer('none')
