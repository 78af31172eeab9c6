-- Renew the lease of a running drain. Gives 1 if done, 0 if another drain has taken over.
-- KEYS  lease due          ARGV  member fence lease_ms
if redis.call('HGET', KEYS[1], 'fence') ~= ARGV[2] then return 0 end
local time = redis.call('TIME')
local until_ms = time[1] * 1000 + math.floor(time[2] / 1000) + tonumber(ARGV[3])
redis.call('HSET', KEYS[1], 'until', until_ms)
redis.call('ZADD', KEYS[2], until_ms, ARGV[1])
return 1
