-- Hand back unfinished ids. If the drain ends, end its lease and put the shop at the end of the queue.
-- KEYS  backlog claimed lease due tries
-- ARGV  member fence not_before_ms ("" if the drain goes on), then per id: id, "" or its old score, delay_ms, 1 if this counts as a failed try
-- Gives 1 if done, 0 if another drain has taken over the ids.
-- An urgent id with a short delay stays urgent: its score is minus the moment from which it may be claimed.
local STAYS_URGENT = 5000 -- ms: after a longer delay it is no longer urgent, since no client waits so long
local NO_MOMENT = 1e14 -- as in claim.lua, which mends such a score
local backlog, claimed, lease, due, tries = unpack(KEYS)
if redis.call('HGET', lease, 'fence') ~= ARGV[2] then return 0 end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for i = 4, #ARGV, 4 do
  local id, delay = ARGV[i], tonumber(ARGV[i + 2])
  if redis.call('ZREM', claimed, id) == 1 then
    local score = ARGV[i + 1]
    if delay > 0 then
      local urgent = score ~= '' and tonumber(score) <= 0 and delay <= STAYS_URGENT
      score = urgent and -(now + delay) or now + delay
    elseif score ~= '' and tonumber(score) < -now then
      score = 0 -- its moment was of a clock that was set back since: it had come already
    end
    -- An id that was requested urgently meanwhile doesn't wait for this delay.
    local present = tonumber(redis.call('ZSCORE', backlog, id) or '1')
    if present > 0 or present < -now then redis.call('ZADD', backlog, 'LT', score, id) end
    if ARGV[i + 3] == '1' then redis.call('HINCRBY', tries, id, 1) end
  end
end
if ARGV[3] == '' then return 1 end
redis.call('HSET', lease, 'until', 0)
if redis.call('EXISTS', claimed) == 1 then
  redis.call('ZADD', due, now, ARGV[1])
  return 1
end
local soonest = redis.call('ZREVRANGEBYSCORE', backlog, 0, '-inf', 'WITHSCORES', 'LIMIT', 0, 1)
local first = redis.call('ZRANGEBYSCORE', backlog, '(0', '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
if #soonest + #first > 0 then
  local moment = math.min(soonest[2] and -soonest[2] or math.huge, first[2] and tonumber(first[2]) or math.huge)
  if moment >= NO_MOMENT then moment = now end
  redis.call('ZADD', due, math.max(now, moment, tonumber(ARGV[3])), ARGV[1])
else
  redis.call('ZREM', due, ARGV[1])
end
return 1
