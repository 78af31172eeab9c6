-- Remove all of a shop: its keys, its place in the registry and the settings, and what is due of it.
-- KEYS  registry settings due, then the shop's own keys
-- ARGV  shop, then its members in `due`
-- Gives how many keys there were. A drain or walk that runs finds its lease gone, and publishes nothing more.
local registry, settings, due = unpack(KEYS, 1, 3)
redis.call('HDEL', registry, ARGV[1])
redis.call('HDEL', settings, ARGV[1])
redis.call('ZREM', due, unpack(ARGV, 2))
return redis.call('UNLINK', unpack(KEYS, 4))
