-- A shop's settings, changed only if nobody has changed them meanwhile; intervals that changed count from now on.
-- KEYS  settings due walk
-- ARGV  shop before after, then per interval that changed: walk seconds; before "" if nothing is stored
-- Gives 1, or 0 if what is stored is no longer `before`.
local settings, due, walk = unpack(KEYS)
local shop = ARGV[1]
if (redis.call('HGET', settings, shop) or '') ~= ARGV[2] then return 0 end
redis.call('HSET', settings, shop, ARGV[3])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for i = 4, #ARGV, 2 do
  local name, every = ARGV[i], tonumber(ARGV[i + 1])
  local member = name .. ':' .. shop
  if redis.call('HEXISTS', walk, 'told:' .. name) == 1 then
    -- It runs, and its place in `due` is its lease: its end sets the next time, by this.
    redis.call('HSET', walk, 'every:' .. name, every)
  else
    local score = tonumber(redis.call('ZSCORE', due, member) or '1')
    -- Somebody has asked for it: 0, or once it is queued a score with half a millisecond (worker/wakeups/due.lua).
    if score ~= 0 and score % 1 == 0 then
      if every > 0 then redis.call('ZADD', due, now + every * 1000, member) else redis.call('ZREM', due, member) end
    end
  end
end
return 1
