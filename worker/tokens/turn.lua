-- Take the turn at rare work of an authorization: listing its shops, publishing that it ends soon.
-- KEYS  token         ARGV  field least_ms
-- Gives 0 for now, else the ms to wait; -1 without such an authorization.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local r = redis.call('HMGET', KEYS[1], 'version', ARGV[1])
if not r[1] then return -1 end
local at = math.min(tonumber(r[2] or '0'), now) + ARGV[2]
if r[2] and at > now then return at - now end
redis.call('HSET', KEYS[1], ARGV[1], now)
return 0
