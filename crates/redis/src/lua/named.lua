-- ARGV: partition, inquiry, instant, event, link, and more.
local link_id = ARGV[5]
base, name, now = ARGV[1], ARGV[2], ARGV[3]
