-- Who of a group is alive: each member says so every few seconds and is forgotten when it stops.
-- KEYS  members
-- ARGV  member milliseconds
-- Gives the living members, itself among them.
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
-- Nobody left: the key goes too.
redis.call('PEXPIRE', KEYS[1], ARGV[2] * 2)
return redis.call('ZRANGE', KEYS[1], 0, -1)
