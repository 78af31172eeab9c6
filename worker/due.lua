-- What is due, oldest first, and due again a little later unless somebody really starts on it.
-- KEYS  due clock      ARGV  limit again_ms
local due, clock = KEYS[1], KEYS[2]
local LOOK = 1000        -- ms between two notes of the time, and so the least jump that is noticed
local FAR = 3700000      -- ms: a cool-down lies an hour ahead at most, a retry five minutes; walks further away may be late
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local noted = tonumber(redis.call('HGET', clock, 'noted') or '0')
if now < noted - LOOK then
  -- A server that took over with its clock behind: what was to be done by the former one's moves with it.
  local by = noted - now
  local ahead = redis.call('ZRANGEBYSCORE', due, '(' .. now, noted + FAR, 'WITHSCORES', 'LIMIT', 0, 50000)
  for i = 1, #ahead, 2 do redis.call('ZADD', due, math.max(now, ahead[i + 1] - by), ahead[i]) end
  redis.call('HINCRBY', clock, 'back', by) -- each claim moves what its shop keeps, see backlog_claim.lua
end
if now < noted - LOOK or now > noted + LOOK then redis.call('HSET', clock, 'noted', now) end

local members = redis.call('ZRANGEBYSCORE', due, '-inf', now, 'LIMIT', 0, ARGV[1])
for _, member in ipairs(members) do redis.call('ZADD', due, now + ARGV[2], member) end
return members
