-- KEYS: a stream of events, and a mark. ARGV: from where on, and how many.
-- The mark is a write behind the events: whichever replica has it has them.
redis.call('SET', KEYS[2], '')
return redis.call('XRANGE', KEYS[1], ARGV[1], '+', 'COUNT', ARGV[2])
