-- Run one walk of a shop at a time, and keep its checkpoint, from which the next worker goes on.
-- KEYS  walk lease due registry settings pace state sequence page_size
-- ARGV  verb member shop name, then
--   begin  lease_ms                     -> {"no"} | {"yours", fence, now_ms, entry, settings, place, watermark, fetch_seq,
--                                                 record, page_size}
--   keep   fence lease_ms place         -> 1, or 0 if another one has taken over; place "" leaves it alone
--   leave  fence not_before_ms place    -> the same; the next worker goes on
--   end    fence next_ms done watermark seen_ms forget_s changes_ms nothing -> the same; next_ms 0: never again by
--          itself; watermark, seen_ms and changes_ms "" leave them alone; nothing 1: no event tells of this end
local walk, lease, due, registry, settings, pace, state, sequence, page_size = unpack(KEYS)
local verb, member, shop, name = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local ANNOUNCED = 'told:' -- stored field: the moment of `due` that the last run has set
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local stored_settings = redis.call('HGET', settings, shop) or ''
local paused = string.find(stored_settings, '"paused":true', 1, true)

if verb == 'begin' then
  local entry = redis.call('HGET', registry, shop)
  if paused or (entry and not string.find(entry, '"status":"active"', 1, true)) then
    redis.call('ZREM', due, member)
    redis.call('HSET', walk, 'parked:' .. name, 1) -- its authorization, or `shopstream resume`, puts it back
    return {'no'}
  end
  if redis.call('ZSCORE', due, 'moving:') then return {'no'} end -- as in worker/wakeups/due.lua
  local held = redis.call('HMGET', lease, 'until', 'name')
  local ends = tonumber(held[1] or '0')
  if ends > now and ends <= now + ARGV[5] then -- a later end is one of another server's clock
    -- Two rings are one request: a running walk has its own member of `due`.
    if held[2] ~= name then redis.call('ZADD', due, now + 1000, member) end
    return {'no'}
  end
  if entry then redis.call('PERSIST', walk) end -- a key from before the authorization had a time to live
  local until_ms = now + ARGV[5]
  local fence = redis.call('HINCRBY', lease, 'fence', 1)
  redis.call('HSET', lease, 'until', until_ms, 'name', name)
  redis.call('ZADD', due, until_ms, member)
  redis.call('HSET', walk, ANNOUNCED .. name, until_ms)
  local known = redis.call('HMGET', walk, 'at:' .. name, 'watermark')
  -- Before its first checkpoint this field alone marks its begin.
  if not known[1] then redis.call('HSET', walk, 'since:' .. name, now) end
  return {'yours', fence, now, entry or '', stored_settings, known[1] or '', known[2] or '',
    -- An older version keeps it in the pace, without a key of its own.
    math.max(tonumber(redis.call('GET', sequence) or '0'), tonumber(redis.call('HGET', pace, 'fetch_seq') or '0')),
    redis.call('HGET', state, 'p:shop') or '', redis.call('GET', page_size) or ''}
end

if redis.call('HGET', lease, 'fence') ~= ARGV[5] then return 0 end
-- A request during the run lowers the member's score: then it runs once more.
local announced, score = tonumber(redis.call('HGET', walk, ANNOUNCED .. name) or '0'), redis.call('ZSCORE', due, member)
if score and tonumber(score) < announced then redis.call('HSET', walk, 'again:' .. name, 1) end

if verb == 'keep' and paused then
  -- Another worker goes on from here once the shop is resumed.
  if ARGV[7] ~= '' then redis.call('HSET', walk, 'at:' .. name, ARGV[7]) end
  redis.call('HSET', lease, 'until', 0)
  redis.call('HSET', walk, 'parked:' .. name, 1)
  redis.call('ZREM', due, member)
  return 0
end

if verb == 'keep' or verb == 'leave' then
  local until_ms = verb == 'keep' and now + ARGV[6] or 0
  local next_ms = verb == 'keep' and until_ms or math.max(now, tonumber(ARGV[6]))
  if ARGV[7] ~= '' then redis.call('HSET', walk, 'at:' .. name, ARGV[7]) end
  redis.call('HSET', lease, 'until', until_ms)
  redis.call('HSET', walk, ANNOUNCED .. name, next_ms)
  redis.call('ZADD', due, next_ms, member)
  return 1
end

redis.call('HSET', walk, 'done:' .. name, ARGV[7])
if ARGV[8] ~= '' then redis.call('HSET', walk, 'watermark', ARGV[8]) end
if ARGV[9] ~= '' then redis.call('HSET', walk, 'seen', ARGV[9]) end
if ARGV[11] ~= '' then redis.call('HSET', walk, 'changes', ARGV[11]) end
if ARGV[12] == '1' then redis.call('HSET', walk, 'nothing:' .. name, now) end
local again = redis.call('HGET', walk, 'again:' .. name)
-- The interval was changed while it ran: shopstream/registry/settings_store.lua.
local every = redis.call('HGET', walk, 'every:' .. name)
local next_ms = tonumber(ARGV[6])
if every then next_ms = tonumber(every) > 0 and now + every * 1000 or 0 end
redis.call('HDEL', walk, 'at:' .. name, ANNOUNCED .. name, 'again:' .. name, 'since:' .. name, 'every:' .. name)
redis.call('HSET', lease, 'until', 0)
if again then
  redis.call('ZADD', due, now, member)
elseif next_ms > 0 then
  redis.call('ZADD', due, next_ms, member)
else
  redis.call('ZREM', due, member)
end
if ARGV[10] ~= '0' then
  redis.call('EXPIRE', walk, ARGV[10])
  redis.call('DEL', lease)
end
return 1
