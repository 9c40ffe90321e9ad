-- ARGV: prefix, place, tenant, event, instant, digest, session, its token, attempt and binding, repeats after, lease.
-- A lease is the digest of its token and its end; it is empty if the link is to be used at once.
local new_session, token, asked, lease, claim = ARGV[7], ARGV[8], ARGV[9], ARGV[11], ''
local is_first_use, is_full = false, false
if link.digest ~= ARGV[6] then
  return false
end

if link.state == 'used' and asked:find('^%x') and link.asked == asked and ARGV[10] < link.used and not is_revoked
    and link.epoch == inquiry.epoch and session_is_live then
  add_token(token)
  answer[1] = 'repeat'
  return answer
end
if is_alive then
  if link.state == 'used' then
    local binding = asked:match('\t(.+)$')
    if now < link.grace and tonumber(link.replays) < tonumber(link.most) and session_is_live and not parent_is_over
        and (link.clients ~= 'same' or binding and link.asked:match('\t(.+)$') == binding) then
      local number = string.format('%.0f', link.replays + 1)
      save_link(table.concat({ 'used', link.used, link.session, number, link.grace, link.most, link.clients, link.claim,
        link.asked }, '\t'))
      add_token(token)
      event(ARGV[4], 'one-time-link.replayed', '', link_id, link.session, '', number)
      save_inquiry()
      answer[1] = 'replay'
      return answer
    end
  elseif now < link.expires and not (link.state == 'claimed' and now < link.lease) then
    local has_room = tonumber(inquiry.sessions) < tonumber(inquiry.limit)
    if has_room and lease ~= '' then
      save_link(table.concat({ 'claimed', lease, asked }, '\t'))
      answer[1] = 'claim'
      return answer
    end
    is_first_use, is_full = has_room, not has_room and lease == ''
  end
end
