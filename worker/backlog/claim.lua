-- Take a shop's lease and up to `limit` of its ids. Ids of a dead drain come first.
-- KEYS  backlog claimed lease due registry asked tries pace settings state clock
-- ARGV  member shop limit lease_ms endpoint far_ms start_rate fence ("" for a new lease; else more ids under that one)
--       per_call (ids that one call answers)
-- Gives {status, now_ms, ...}: parked | busy | far (the quota is further away than far_ms) | idle | unknown | claimed;
--       the last two go on with fence, registry entry, settings, the shop's own record, and per id: id, score, takeovers, tries, asked.
local backlog, claimed, lease, due, registry, asked, tries, pace = unpack(KEYS)
local member, shop, endpoint = ARGV[1], ARGV[2], ARGV[5]
local limit, lease_ms, far_ms, fence = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[6]), ARGV[8]
local NO_MOMENT = 1e14 -- higher scores are no ms of any clock, as infinity or µs of another program
local BETWEEN = 500 -- ms between two looks at a product that isn't urgent: faster requests would get the same answers
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local mine = fence ~= ''
if mine and redis.call('HGET', lease, 'fence') ~= fence then return {'busy', now} end
if redis.call('ZSCORE', due, 'moving:') then return {'busy', now} end -- as in worker/wakeups/due.lua

local entry = redis.call('HGET', registry, shop)
if entry and not string.find(entry, '"status":"active"', 1, true) then
  redis.call('ZREM', due, member) -- its authorization puts it back
  return {'parked', now}
end
local settings = redis.call('HGET', KEYS[9], shop) or ''
if string.find(settings, '"paused":true', 1, true) then
  redis.call('ZREM', due, member) -- `shopstream resume` puts it back
  return {'parked', now}
end

-- The ms by which the clock was set back since the shop's last claim: waits until a moment of the old clock end.
local back = tonumber(redis.call('HGET', KEYS[11], 'back') or '0') - tonumber(redis.call('HGET', lease, 'back') or '0')
if back > 0 then
  local ahead = redis.call('ZRANGEBYSCORE', backlog, '(' .. now, '+inf', 'WITHSCORES', 'LIMIT', 0, 50000)
  for i = 1, #ahead, 2 do redis.call('ZADD', backlog, math.max(1, ahead[i + 1] - back), ahead[i]) end
  local urgent_ahead = redis.call('ZRANGEBYSCORE', backlog, '-inf', '(-' .. now, 'WITHSCORES', 'LIMIT', 0, 50000)
  for i = 1, #urgent_ahead, 2 do
    redis.call('ZADD', backlog, math.min(0, urgent_ahead[i + 1] + back), urgent_ahead[i])
  end
  redis.call('HINCRBY', lease, 'back', back)
end

local until_ms = tonumber(redis.call('HGET', lease, 'until') or '0')
-- No lease is longer than lease_ms: a later end is another clock's.
if until_ms > now and until_ms <= now + lease_ms and not mine then
  redis.call('ZADD', due, until_ms, member)
  return {'busy', now}
end

-- The end of the cool-down of an app's pace, and its rate.
local function paced_by(name)
  local paced = redis.call('HMGET', pace, name .. ':cool', name .. ':rate', name .. ':clock')
  local ends = tonumber(paced[1] or '0') - math.max(0, (paced[3] or 0) / 1000 - now) -- as pacing.lua moves it
  return ends, tonumber(paced[2] or ARGV[7])
end
local cool, rate
if entry and string.find(entry, '"app":"', 1, true) then
  -- Calls go by the app that can call soonest, so their rates add up. shopstream/registry/shop_of_apps.py names them.
  -- The leading consent works. Of the others each has its state behind the app.
  for app, field, state in string.gmatch(entry, '"app":"([a-z0-9-]*)"[,}]"?([a-z]*)"?:?"?([a-z_]*)') do
    if field ~= 'state' or state == 'active' then
      local ends, its_rate = paced_by(app == '' and endpoint or app .. '/' .. endpoint)
      cool, rate = math.min(cool or ends, ends), (rate or 0) + its_rate
    end
  end
end
if not cool then cool, rate = paced_by(endpoint) end
if cool > now + far_ms then
  redis.call('ZADD', due, cool, member)
  return {'far', now}
end
-- About a second of the pace at most, so that an urgent id never waits behind a long batch.
limit = math.max(1, math.min(limit, math.ceil(rate) * ARGV[9]))

local ids = {}
local orphans = mine and {} or redis.call('ZRANGE', claimed, 0, limit - 1, 'WITHSCORES')
for i = 1, #orphans, 2 do
  local takeovers = orphans[i + 1] + 1
  -- One of these ids may kill the worker: after two deaths each is tried alone, so that it alone is blamed.
  if takeovers > 2 then
    if #ids == 0 then
      ids[1] = {orphans[i], 0, takeovers}
      limit = 1
    end
    break
  end
  ids[#ids + 1] = {orphans[i], 0, takeovers}
end
for _, id in ipairs(ids) do redis.call('ZADD', claimed, id[3], id[1]) end

local room = limit - #ids
if room > 0 then
  -- A claimed id that was requested again stays in the backlog: claimed twice, the first answer would release both.
  local function ready(command, from, to)
    local list, names, free = redis.call(command, backlog, from, to, 'WITHSCORES', 'LIMIT', 0, room), {}, {}
    for i = 1, #list, 2 do names[(i + 1) / 2] = list[i] end
    local held, n = #names > 0 and redis.call('ZMSCORE', claimed, unpack(names)) or {}, 0
    for i, name in ipairs(names) do
      if not held[i] then
        free[n + 1], free[n + 2] = name, list[2 * i]
        n = n + 2
      end
    end
    return free
  end
  -- Products with a look just now are left out: they wait for a moment.
  local function rested(list)
    if #list == 0 or not string.find(member, '^products:') then return list end
    local fields, free, n = {}, {}, 0
    for i = 1, #list, 2 do fields[(i + 1) / 2] = 'd:' .. list[i] end
    for i, mark in ipairs(redis.call('HMGET', KEYS[10], unpack(fields))) do
      local name = list[2 * i - 1]
      local seen_ms = mark and tonumber(string.match(mark, '^%d+ (%d+)') or '')
      if seen_ms and seen_ms <= now and now - seen_ms < BETWEEN then
        redis.call('ZADD', backlog, seen_ms + BETWEEN, name)
      else
        free[n + 1], free[n + 2] = name, list[2 * i]
        n = n + 2
      end
    end
    return free
  end
  local urgent, bulk = ready('ZRANGEBYSCORE', -1, 0), rested(ready('ZRANGEBYSCORE', '(0', now))
  -- Behind them those that were handed back for a moment, the earliest moment first: none holds up the others.
  if #urgent < 2 * room then
    for _, part in ipairs(ready('ZREVRANGEBYSCORE', '(-1', -now)) do urgent[#urgent + 1] = part end
  end
  -- Urgent ids pass the others, but one place in five stays for those, so that they advance.
  local kept = math.min(#bulk / 2, math.floor(room / 5))
  local take = math.min(#urgent / 2, room - kept)
  local moved, removed, k, n = {}, {}, #ids, 0
  local function move(list, count)
    for i = 1, 2 * count, 2 do
      k, n = k + 1, n + 1
      ids[k] = {list[i], list[i + 1], 0}
      moved[2 * n - 1], moved[2 * n] = 0, list[i]
      removed[n] = list[i]
    end
  end
  move(urgent, take)
  move(bulk, math.min(#bulk / 2, room - take))
  if #removed > 0 then
    redis.call('ZADD', claimed, unpack(moved))
    redis.call('ZREM', backlog, unpack(removed))
  end
end

if #ids == 0 then
  if mine then return {'idle', now} end
  -- Only now: each command more in each claim would cost more than such an id's wait.
  for score, from in pairs({[1] = {NO_MOMENT, '+inf'}, [0] = {'-inf', -NO_MOMENT}}) do
    local found = redis.call('ZRANGEBYSCORE', backlog, from[1], from[2], 'LIMIT', 0, limit)
    for _, id in ipairs(found) do redis.call('ZADD', backlog, score, id) end
  end
  -- As in finish.lua: the next moment at which one of its ids may be claimed.
  local soonest = redis.call('ZREVRANGEBYSCORE', backlog, 0, '-inf', 'WITHSCORES', 'LIMIT', 0, 1)
  local first = redis.call('ZRANGEBYSCORE', backlog, '(0', '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
  local moment = math.min(soonest[2] and -soonest[2] or math.huge, first[2] and tonumber(first[2]) or math.huge)
  if moment < math.huge then redis.call('ZADD', due, moment, member) else redis.call('ZREM', due, member) end
  return {'idle', now}
end

if not mine then
  fence = redis.call('HINCRBY', lease, 'fence', 1)
  -- The keys of an unauthorized shop expire. If it is authorized later, its fence stays.
  if entry then redis.call('PERSIST', lease) else redis.call('EXPIRE', lease, 86400) end
end
redis.call('HSET', lease, 'until', now + lease_ms)
redis.call('ZADD', due, now + lease_ms, member)

local names = {}
for i, id in ipairs(ids) do names[i] = id[1] end
local why = redis.call('HMGET', asked, unpack(names))
local tried = redis.call('HMGET', tries, unpack(names))
local answer = {entry and 'claimed' or 'unknown', now, tonumber(fence), entry or '', settings,
  redis.call('HGET', KEYS[10], 'p:shop') or ''}
for i, id in ipairs(ids) do
  local at = 5 * i + 1
  answer[at + 1], answer[at + 2], answer[at + 3] = id[1], tostring(id[2]), id[3]
  answer[at + 4], answer[at + 5] = tonumber(tried[i] or '0'), why[i] or ''
end
return answer
