-- Where lists find an inquiry: under its tenant, by when it was created and its id, as text.
local function listed()
  local tenant, id = name:match('^([^/]+)/(.+)$')
  local created = inquiry.facts:match('^%d*\t%d*\t%d*\t%d*\t%d*\t%d*\t(%d+)\t')
  return base .. 'listed:' .. tenant, created .. '/' .. id
end
