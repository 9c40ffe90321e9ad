-- What a transition changes: ARGV from there on.
local function replace(from)
  local i = inquiry
  i.status, i.expires, i.redacted, i.expired, i.windows, i.limit, i.grace, i.facts = unpack(ARGV, from)
end

-- Where housekeeping finds it: by its deadline while it can expire, then by its end.
local function file()
  if can_expire() then
    redis.call('ZREM', base .. 'ended', name)
    redis.call('ZADD', base .. 'sweep', tonumber(inquiry.expires:sub(1, 12)), inquiry.expires:sub(13) .. '/' .. name)
  else
    enter_ended()
  end
end
