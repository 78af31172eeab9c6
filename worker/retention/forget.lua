-- Remove all of a shop: its keys, its registry entry, its settings and its due members.
-- KEYS  registry settings due, then the shop's own keys
-- ARGV  shop, then its members in `due`
-- Gives the number of removed keys. A drain or walk that runs finds its lease gone, and publishes nothing more.
local registry, settings, due = unpack(KEYS, 1, 3)
redis.call('HDEL', registry, ARGV[1])
redis.call('HDEL', settings, ARGV[1])
redis.call('ZREM', due, unpack(ARGV, 2))
return redis.call('UNLINK', unpack(KEYS, 4))
