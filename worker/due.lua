-- What is due, oldest first, and due again a little later unless somebody really starts on it.
-- KEYS  due            ARGV  limit again_ms
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local members = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, ARGV[1])
for _, member in ipairs(members) do redis.call('ZADD', KEYS[1], now + ARGV[2], member) end
return members
