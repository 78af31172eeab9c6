-- Write a worker's heartbeat. Workers that are silent for ttl_ms are removed.
-- KEYS  workers worker sweepers spare refused
-- ARGV  name about ttl_ms sweeper_ttl_ms, number of the key of those that it sweeps with: 3, 4, 5, or 0 for none
-- Gives the names of the workers that share the partitions, as heard lately: the sweepers, else the spare ones, else the
-- refused ones.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3])
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[3])
for i = 3, 5 do
  if i == tonumber(ARGV[5]) then
    redis.call('ZADD', KEYS[i], now, ARGV[1])
  else
    redis.call('ZREM', KEYS[i], ARGV[1])
  end
  redis.call('ZREMRANGEBYSCORE', KEYS[i], '-inf', now - ARGV[4])
end
local names = {}
for i = 3, 5 do
  if #names == 0 then names = redis.call('ZRANGE', KEYS[i], 0, -1) end
end
return names
