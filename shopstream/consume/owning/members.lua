-- Report a member of a group as living. Each does so every second, and is forgotten after it stops.
-- KEYS  members
-- ARGV  member milliseconds operation
--       join: begin to live.  stay: go on living, if the member still does.
-- Returns the living members, this one included; none if it was to stay and has been forgotten.
local member, ms, operation = unpack(ARGV)
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
-- By ZRANGE, since users of Redis from before may not send ZSCORE.
local known = operation == 'join'
for _, living in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do known = known or living == member end
if not known then return {} end
redis.call('ZADD', KEYS[1], now + ms, member)
-- Without members the key expires.
redis.call('PEXPIRE', KEYS[1], ms * 2)
return redis.call('ZRANGE', KEYS[1], 0, -1)
