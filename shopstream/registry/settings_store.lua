-- Store a shop's settings, unless another client has changed them meanwhile. A changed interval counts from now on.
-- KEYS  settings due walk
-- ARGV  shop before after, then per interval that changed: walk seconds; before "" if nothing is stored
-- Returns 1, or 0 if the stored settings are no longer `before`.
local settings, due, walk = unpack(KEYS)
local shop = ARGV[1]
redis.call('ZSCORE', due, shop) -- fails before anything is written if a move has closed the partition
if (redis.call('HGET', settings, shop) or '') ~= ARGV[2] then return 0 end
redis.call('HSET', settings, shop, ARGV[3])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for i = 4, #ARGV, 2 do
  local name, every = ARGV[i], tonumber(ARGV[i + 1])
  local member = name .. ':' .. shop
  if redis.call('HEXISTS', walk, 'told:' .. name) == 1 then
    -- The walk runs, and its score in `due` is its lease. Its end sets the next time from this field.
    redis.call('HSET', walk, 'every:' .. name, every)
  else
    local score = tonumber(redis.call('ZSCORE', due, member) or '1')
    -- A requested walk keeps its score: 0, or once it is queued one with half a millisecond (worker/wakeups/due.lua).
    if score ~= 0 and score % 1 == 0 then
      if every > 0 then redis.call('ZADD', due, now + every * 1000, member) else redis.call('ZREM', due, member) end
    end
  end
end
return 1
