-- Keep the pace of one endpoint of one shop: evenly spaced permits (GCRA) at a rate learnt from throttles alone.
-- docs/decisions/0013-learn-the-pace.md has the picture.
-- Rates are calls per second, moments µs of Redis's clock unless *_ms.
-- KEYS  pace sequence
-- ARGV  verb endpoint clock_us ("" for Redis's own; a simulation gives its own) start lowest highest, then
--   lease      want far_us holder ahead_us from_us grace_us worth_us (holder: its process, or "process/n" for the
--                                              n-th that leases in it)
--                                              -> {now, first, interval, n, fetch_seq, lone}; n = 0: no permit before first
--   passed                                     -> 1: the lone call after a cool-down was let through
--   throttled  at fetch_seq wait_ms jitter     -> the end of the cool-down in ms; wait_ms "" without a Retry-After
--   capped     wait_ms                         -> the same, for an hourly cap, which doesn't change the rate
local key, sequence, verb, endpoint = KEYS[1], KEYS[2], ARGV[1], ARGV[2]
local start, lowest, highest = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])

local MARGIN = 0.985       -- of the limit: evenly sent calls arrive with some ms of jitter, and a throttle costs a second
local LEASE = 0.25        -- seconds of permits in one lease, so that a new rate reaches all workers soon
local ALONE = 1           -- the same for a holder that leases alone, at a settled rate: nobody else is to hear of a new one
local LEASE_MOST = 2000000 -- µs of permits, for a holder far away
local FAR = 2000000       -- µs that a lease lies ahead at most; with the above: no permit of an honest clock is further away
local GRACE_MOST = 10000000 -- µs that a holder may be late
local COOL_FAR = 3661000  -- ms: an hourly cap, or the longest Retry-After, with its jitter
local BACK = 1000000      -- µs: a clock that is further behind than when it was last looked at is another server's
local GROW = 1.5          -- a second, while no limit is known
local REGAIN = 2.25       -- a second, back to a limit that held before an unexpected throttle
local FALL = 0.4          -- a limit never falls to less than this share of the rate at once
local TRY = 1.5           -- seconds that a rate above the limit must hold to become the limit: more than TikTok's window,
local TRY_CALLS = 4       -- and calls: at one a second a window proves nothing
local STEP = 1.03         -- the first try above the limit; the excess doubles while tries succeed, up to
local STEP_MOST = 1.5
local WAIT = 10           -- seconds of full use from a new limit to the first try; after each that fails
local WAIT_GROWS = 2      -- times as long
local WAIT_MOST = 120
local PRICE = 8           -- times the last throttle's cool-down, at least
local IDLE = 900          -- seconds without a call, after which the learnt rate loses half of its weight an hour
local COOL_MOST = 60000   -- ms
local COOL_GROWS = 3      -- from 1 s. If every call during a penalty doubles it, doubling the wait never outlasts it

local now = tonumber(ARGV[3])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000000 + time[2]
end

local FIELDS = {'tat', 'cool', 'rate', 'limit', 'prior', 'busy', 'wait', 'step', 'level', 'lone', 'seen', 'log', 'holder',
  'held', 'clock'}
local TEXT = {log = true, holder = true}
local names = {}
for i, field in ipairs(FIELDS) do names[i] = endpoint .. ':' .. field end
local s, old = {}, redis.call('HMGET', key, unpack(names))
for i, field in ipairs(FIELDS) do s[field] = old[i] and (TEXT[field] and old[i] or tonumber(old[i])) or nil end
local tat, cool, level, busy = s.tat or 0, s.cool or 0, s.level or 0, s.busy or 0
local rate, limit, wait, step = s.rate or start, s.limit, s.wait or WAIT, s.step or STEP
local lone, seen, log, prior = s.lone == 1, s.seen or 0, s.log or '', s.prior
local holder, held_until = s.holder, s.held or 0 -- the holder of the latest lease, and its end

local function bounded(r) return math.max(lowest, math.min(highest, r)) end
local function cruise() return limit >= highest and highest or bounded(limit * MARGIN) end
local function span() return math.max(1, TRY_CALLS / rate) end
local function held() return busy >= math.max(TRY, TRY_CALLS / rate) end
local function process(of) return of and string.match(of, '^[^/]*') end
local function text(n) return string.format('%.0f', n) end
-- The latest fetch_seq. An older version keeps it in the pace, without a key of its own.
local function latest()
  return math.max(tonumber(redis.call('GET', sequence) or '0'), tonumber(redis.call('HGET', key, 'fetch_seq') or '0'))
end

local function store()
  local new = {tat = text(tat), cool = text(cool), rate = rate, limit = limit, prior = prior, busy = busy, wait = wait,
    step = step, level = level, lone = lone and 1 or 0, seen = text(seen), log = log, holder = holder,
    held = text(held_until), clock = text(now)}
  local set, unset = {}, {}
  for i, field in ipairs(FIELDS) do
    local value = new[field]
    if value == nil then
      if old[i] then unset[#unset + 1] = names[i] end
    elseif value ~= s[field] and value ~= old[i] then -- most stay as they are
      set[#set + 1] = names[i]
      set[#set + 1] = type(value) == 'number' and string.format('%.17g', value) or value
    end
  end
  if #set > 0 then redis.call('HSET', key, unpack(set)) end
  if #unset > 0 then redis.call('HDEL', key, unpack(unset)) end
end

-- Learn from `seconds` of calls at the full rate, all of them let through.
local function grow(seconds)
  if not limit then
    rate = bounded(rate * GROW ^ seconds)
    return
  end
  local usual = cruise()
  if rate < usual then
    rate = math.min(usual, rate * REGAIN ^ seconds)
    return
  end
  busy = busy + seconds
  if rate > usual then
    if not held() then return end
    limit, busy, wait = rate, 0, WAIT
    step = math.min(STEP_MOST, 1 + 2 * (step - 1))
    rate = bounded(limit * step)
  elseif busy >= wait and usual < highest then
    rate, busy = bounded(limit * step), 0
  end
end

-- Count the permits a second shortly before `at`: TikTok allows those that it let through.
local function lately(at)
  local count, begin = 0, at - span() * 1000000
  for first, interval, n in string.gmatch(log, '(%d+)/(%d+)/(%d+)') do
    for i = 0, n - 1 do
      local moment = first + i * interval
      if moment > begin and moment < at then count = count + 1 end
    end
  end
  return count / span()
end

-- After a failover to a slower clock: stored moments move back with it. Otherwise the shop would stop for that time.
local back = (s.clock or 0) - now
if back > BACK then
  tat, cool, held_until = math.max(0, tat - back), math.max(0, cool - back / 1000), math.max(0, held_until - back)
  log = string.gsub(log, '(%d+)(/%d+/%d+)', function(first, rest) return text(math.max(0, first - back)) .. rest end)
end
-- The same if the moment of storing is unknown.
if cool > now / 1000 + COOL_FAR then cool = now / 1000 end
if back > BACK or cool ~= (s.cool or 0) then store() end

if verb == 'lease' then
  local want, far, by = tonumber(ARGV[7]), tonumber(ARGV[8]), ARGV[9]
  local ahead, from, grace, worth = tonumber(ARGV[10]), tonumber(ARGV[11]), tonumber(ARGV[12]), tonumber(ARGV[13])
  local idle = (now - tat) / 1000000
  if tat > 0 and idle > IDLE then
    local kept = 0.5 ^ (idle / 3600)
    rate = math.max(math.min(rate, start), rate * kept)
    if limit then limit = math.max(math.min(limit, start), limit * kept) end
    busy, wait, step = 0, WAIT, STEP
  end
  rate = bounded(rate)
  local interval = math.ceil(1000000 / rate)
  local most = now + math.max(far, FAR) + math.max(LEASE_MOST, interval)
  if tat > most then tat = now end
  if held_until > most + GRACE_MOST then held_until = now end
  if from > most + interval then from = now end -- given on the clock of the former server
  -- The holder's last calls may leave late by its grace, and it alone knows them. A cool-down holds for all workers.
  local ready = math.max(now, process(by) == process(holder) and tat or math.max(tat, held_until), from, cool * 1000)
  if ready - now > far then
    if holder and holder ~= by then -- it comes again: the next lease must not be as long
      holder = process(holder)
      store()
    end
    return {now, math.ceil(ready), interval, 0, 0, 0}
  end
  local first = math.ceil(math.max(ready, now + ahead)) -- the answer takes as long to arrive
  local alone = by == holder and by ~= process(by) and (rate == highest or (limit and rate == cruise()))
  local n = lone and 1 or math.min(want, math.max(1, math.floor(rate * math.max(alone and ALONE or LEASE, worth))))
  local used = tat >= now - 2 * interval - 20000
  tat = first + (lone and math.max(interval, 1000000) or n * interval)
  holder, held_until = by, first + (n - 1) * interval + math.max(grace, interval / 2) + interval / 2
  log = string.sub(text(first) .. '/' .. interval .. '/' .. n .. ' ' .. log, 1, 900)
  if lone then
    -- the answer to the one call decides: `passed` or `throttled`
  elseif used then
    grow(n * interval / 1000000)
  elseif limit and rate > cruise() then
    busy = 0 -- a try that is not used to the full proves nothing
  end
  store()
  local last = latest() + n
  redis.call('SET', sequence, text(last))
  redis.call('HSET', key, 'fetch_seq', text(last)) -- for workers of a version before that key, beside this one or after it
  return {now, first, interval, n, last - n + 1, lone and 1 or 0}
end

if verb == 'passed' then
  if not lone then return 1 end
  lone, level, tat = false, 0, now + 1000000 / rate
  store()
  return 1
end

if verb == 'capped' then
  cool = math.max(cool, math.floor(now / 1000 + ARGV[7]))
  store()
  return cool
end

local at, fetch_seq, retry_after, jitter = tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9]), tonumber(ARGV[10])
local pause = retry_after or 0
if fetch_seq > seen then -- otherwise it left before the last decision: the answers of one burst count once
  if lone then
    -- One call after a silence: the rate is not the cause. The platform protects itself, or a penalty still runs.
    limit, level = prior, level + 1
  else
    local let = math.max(lately(at), FALL * rate)
    prior, level = limit, 0
    if not limit then
      limit = bounded(math.min(let, rate))
      rate = cruise()
    elseif rate > cruise() then -- a try that failed
      limit = math.max(limit, 0.97 * math.min(let, rate))
      rate, step, wait = cruise(), STEP, math.min(WAIT_MOST, wait * WAIT_GROWS)
    elseif rate < cruise() or not held() then -- the limit has not held since the last throttle: it has changed
      limit = bounded(math.min(let, rate))
      rate, step, wait = cruise(), STEP, WAIT
    else -- a smaller quota, a protection, or a hiccup: halve, and return quickly while no throttle comes
      limit = bounded(limit * 0.99)
      rate = bounded(rate / 2)
    end
    busy = 0
  end
  lone = true
  seen = latest()
  if not retry_after then pause = math.min(COOL_MOST, 1000 * COOL_GROWS ^ math.min(level, 6)) end
  pause = pause + jitter * math.min(500, pause / 10)
end
cool = math.max(cool, math.ceil(now / 1000 + pause))
if level == 0 then wait = math.max(wait, PRICE * (cool - now / 1000) / 1000) end
store()
return cool
