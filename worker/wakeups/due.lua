-- Queue due members, and take from the queue: upkeep, then urgent ids, then the others, each in order of arrival.
-- KEYS  due clock ready
-- ARGV  rooms for upkeep, urgent, others, and for the last two together; again_ms;
--       the beginning of a backlog's key, which a member ends; the kinds of upkeep, `|` around each
-- Gives the arrival of the first member left in each lane (ms; -1: none), ms until the next member is due (-1: none),
-- then member and lane of each taken one.
local due, clock, ready = KEYS[1], KEYS[2], KEYS[3]
local slots, again_ms, backlogs, upkeep = tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6], ARGV[7]
local UPKEEP, URGENT, BULK = 0, 1, 2
local LANE = 1e13        -- between the scores of two lanes; within one the score is ms
local ANY_TIME = 1e12    -- lower scores are no moments: 0 and 1, as others write them
local NO_MOMENT = 1e14   -- higher ones neither: infinity or µs of another program
local KEEP = 10000       -- ms until a queued member is queued once more, should the queue be lost
local QUEUED = 500       -- members a call: below 2 ms
local LOOK = 1000        -- ms between two notes of the time, and so the least detected jump
local FAR = 3700000      -- ms: a cool-down lies an hour ahead at most, a retry five minutes; walks further away may be late

-- `shopstream move` stops all work by this member, and in the end by a text in the place of the set.
local moving = redis.pcall('ZSCORE', due, 'moving:')
if type(moving) == 'table' and redis.call('TYPE', due).ok ~= 'string' then return moving end
if moving then return {-1, -1, -1, -1} end

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local noted = tonumber(redis.call('HGET', clock, 'noted') or '0')
if now < noted - LOOK then
  -- After a failover to a slower clock: due moments of the former clock move with it.
  local by = noted - now
  local ahead = redis.call('ZRANGEBYSCORE', due, '(' .. now, noted + FAR, 'WITHSCORES', 'LIMIT', 0, 50000)
  for i = 1, #ahead, 2 do redis.call('ZADD', due, math.max(now, ahead[i + 1] - by), ahead[i]) end
  redis.call('HINCRBY', clock, 'back', by) -- each claim moves its shop's moments, see worker/backlog/claim.lua
end
if now < noted - LOOK or now > noted + LOOK then
  redis.call('HSET', clock, 'noted', now)
  local strange = redis.call('ZRANGEBYSCORE', due, NO_MOMENT, '+inf', 'LIMIT', 0, QUEUED)
  for _, member in ipairs(strange) do redis.call('ZADD', due, 0, member) end
end

local function urgent(member)
  if string.find(member, '^notices:') then return true end
  if not (string.find(member, '^products:') or string.find(member, '^stock:')) then return false end
  -- Minus a moment: urgent from then on, see worker/backlog/finish.lua. A key of another type counts as bulk.
  local found = redis.pcall('ZCOUNT', backlogs .. member, -now, 0)
  return type(found) == 'number' and found > 0
end

local function lane_of(member)
  local kind = string.match(member, '^(%a+):')
  if kind and string.find(upkeep, '|' .. kind .. '|', 1, true) then return UPKEEP end
  return urgent(member) and URGENT or BULK
end

local came = redis.call('ZRANGEBYSCORE', due, '-inf', now, 'WITHSCORES', 'LIMIT', 0, QUEUED)
for i = 1, #came, 2 do
  local member, score = came[i], tonumber(came[i + 1])
  local asked = score < ANY_TIME
  -- A moment before the last look is wrong: the member would have been found then.
  local since = asked and now or math.min(now, math.max(score, noted - LOOK))
  redis.call('ZADD', ready, 'LT', lane_of(member) * LANE + since, member) -- LT: it keeps its place, or becomes urgent
  -- Half a millisecond marks a request: see shopstream/registry/settings_store.lua.
  redis.call('ZADD', due, now + KEEP + ((asked or score % 1 ~= 0) and 0.5 or 0), member)
end

local answer = {-1, -1, -1, -1}

-- The time until the next member is due. It comes last, since all above moves members.
local function finish()
  local first = redis.call('ZRANGE', due, 0, 0, 'WITHSCORES')
  if #first > 0 then answer[4] = math.max(0, math.ceil(first[2] - now)) end
  return answer
end

if redis.call('EXISTS', ready) == 0 then return finish() end

local function ends(lane) return '(' .. string.format('%.0f', (lane + 1) * LANE) end
local function begins(lane) return string.format('%.0f', lane * LANE) end

-- Take up to `room` members of a lane. Gives their number.
local function take(lane, room)
  local taken = 0
  while taken < room do
    local found = redis.call('ZRANGEBYSCORE', ready, begins(lane), ends(lane), 'WITHSCORES', 'LIMIT', 0, room - taken)
    if #found == 0 then break end
    for i = 1, #found, 2 do
      local member = found[i]
      if lane == URGENT and not urgent(member) then
        -- A claim meanwhile has taken its urgent ids too.
        redis.call('ZADD', ready, found[i + 1] + LANE, member)
      else
        redis.call('ZREM', ready, member)
        if redis.call('ZSCORE', due, member) then -- otherwise it was done, parked or forgotten meanwhile
          redis.call('ZADD', due, now + again_ms, member)
          answer[#answer + 1], answer[#answer + 2] = member, lane
          taken = taken + 1
        end
      end
    end
  end
  return taken
end

take(UPKEEP, tonumber(ARGV[1]))
slots = slots - take(URGENT, math.min(tonumber(ARGV[2]), slots))
take(BULK, math.min(tonumber(ARGV[3]), slots))
for lane = UPKEEP, BULK do
  local first = redis.call('ZRANGEBYSCORE', ready, begins(lane), ends(lane), 'WITHSCORES', 'LIMIT', 0, 1)
  if #first > 0 then answer[lane + 1] = math.floor(first[2] - lane * LANE) end
end
return finish()
