-- Write a worker's heartbeat. Workers that are silent for ttl_ms are removed.
-- KEYS  workers worker sweepers   ARGV  name about ttl_ms sweeps sweeper_ttl_ms
-- Gives the names of the workers that share the partitions: those that sweep, and have been heard lately.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3])
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[3])
if ARGV[4] == '1' then
  redis.call('ZADD', KEYS[3], now, ARGV[1])
else
  redis.call('ZREM', KEYS[3], ARGV[1])
end
redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', now - ARGV[5])
return redis.call('ZRANGE', KEYS[3], 0, -1)
