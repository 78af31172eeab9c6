-- Ids not dealt with go back. If the drain ends: the lease ends too, and the shop goes to the back of the queue.
-- KEYS  backlog claimed lease due tries
-- ARGV  member fence not_before_ms ("" if the drain goes on), then per id: id, "" or its old score, delay_ms, 1 if this counts as a failed try
-- 1 if done, 0 if another drain has taken over (it has the ids then).
local backlog, claimed, lease, due, tries = unpack(KEYS)
if redis.call('HGET', lease, 'fence') ~= ARGV[2] then return 0 end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for i = 4, #ARGV, 4 do
  local id, delay = ARGV[i], tonumber(ARGV[i + 2])
  if redis.call('ZREM', claimed, id) == 1 then
    redis.call('ZADD', backlog, 'LT', delay > 0 and now + delay or ARGV[i + 1], id)
    if ARGV[i + 3] == '1' then redis.call('HINCRBY', tries, id, 1) end
  end
end
if ARGV[3] == '' then return 1 end
redis.call('HSET', lease, 'until', 0)
if redis.call('EXISTS', claimed) == 1 then
  redis.call('ZADD', due, now, ARGV[1])
  return 1
end
local first = redis.call('ZRANGE', backlog, 0, 0, 'WITHSCORES')
if #first > 0 then
  redis.call('ZADD', due, math.max(now, tonumber(first[2]), tonumber(ARGV[3])), ARGV[1])
else
  redis.call('ZREM', due, ARGV[1])
end
return 1
