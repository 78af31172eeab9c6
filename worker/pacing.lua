-- Evenly spaced permits for one endpoint of one shop, on Redis's clock (GCRA: `tat` is when the next call may leave).
-- KEYS  pace           ARGV  endpoint want rate(calls/s) far_us
-- Gives {now_us, first_us, interval_us, n, fetch_seq}: n permits at first_us, first_us + interval_us, …;
--       the first of them has the number fetch_seq. n = 0: nothing before first_us.
local endpoint, want, rate, far = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local field = endpoint .. ':tat'
local interval = 1000000 / rate
-- A server that took over with its clock behind would find a `tat` far ahead and stop the shop: no lease reaches further.
local stored = redis.call('HMGET', KEYS[1], field, endpoint .. ':cool')
local tat = math.min(tonumber(stored[1] or '0'), now + far + want * interval)
local first = math.max(now, tat, tonumber(stored[2] or '0') * 1000) -- a cool-down holds for every worker
if first - now > far then return {now, math.ceil(first), math.ceil(interval), 0, 0} end
-- What one lease may hold: some permits, so that what one worker learns reaches the others within 250 ms.
local most = math.max(1, math.floor(math.min(math.max(5, rate * 0.05), rate * 0.25)))
local n = math.min(want, most)
redis.call('HSET', KEYS[1], field, string.format('%.0f', first + n * interval))
local seq = redis.call('HINCRBY', KEYS[1], 'fetch_seq', n) - n + 1
return {now, math.ceil(first), math.ceil(interval), n, seq}
