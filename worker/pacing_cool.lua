-- An endpoint of a shop was throttled: nobody sends to it before the moment given back, in ms.
-- KEYS  pace           ARGV  endpoint wait_ms ("" if TikTok did not say) jitter_ms
-- 1 s, 2 s, 4 s … 60 s while it goes on. The answers of one burst count once: what comes in a cool-down doubles nothing.
local endpoint, told = ARGV[1], tonumber(ARGV[2])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local stored = redis.call('HMGET', KEYS[1], endpoint .. ':cool', endpoint .. ':level')
local cool, level = tonumber(stored[1] or '0'), tonumber(stored[2] or '0')
local wait = told or 0
if now >= cool then
  level = now - cool < 60000 and level + 1 or 0
  if not told then wait = math.min(60000, 1000 * 2 ^ math.min(level, 6)) end
  wait = wait + ARGV[3]
end
cool = math.max(cool, math.floor(now + wait))
redis.call('HSET', KEYS[1], endpoint .. ':cool', string.format('%.0f', cool), endpoint .. ':level', level)
return cool
