-- Report a member of a group as living. Each does so every few seconds, and is forgotten after it stops.
-- KEYS  members
-- ARGV  member milliseconds
-- Returns the living members, this one included.
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
-- Without members the key expires.
redis.call('PEXPIRE', KEYS[1], ARGV[2] * 2)
return redis.call('ZRANGE', KEYS[1], 0, -1)
