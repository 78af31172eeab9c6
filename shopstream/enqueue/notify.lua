-- Take one of TikTok's notifications: put its ids into a backlog, or keep it as a notice for a worker. Once.
-- KEYS  registry notified due list                  to keep a notice
--       registry notified due backlog asked state   to put ids into a backlog
-- ARGV  shop, member of `due`, Unix seconds at which TikTok sent it, JSON of the reason (no empty object) or of the notice,
--       number of names, the names by which a repeat is known; then per id: id, its product's id ("" if unknown)
-- Returns `accepted`, or the reason why nothing is written: `unknown_shop`, `repeated`, `stale`, or `known`: each
-- product was looked at since. `moving` while the shop's keys are moved to another Redis: take it again later.
local registry, notified, due, backlog, asked, state = unpack(KEYS)
local shop, member, sent_s, text, names = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4], tonumber(ARGV[5])
local DAY = 86400000       -- ms for which a repeat is known, and after which ids are left to the walks
local AHEAD = 300000       -- ms by which TikTok's clock may be ahead
local MARGIN = 60000       -- ms between a change and an answer that surely shows it, both clocks' errors included
local NAMES_MOST = 200000  -- beyond, the oldest are dropped: a repeat then costs one look
local DROPPED_MOST = 10    -- names a call: below 10 us
if redis.call('HEXISTS', registry, shop) == 0 then return 'unknown_shop' end
if redis.call('ZSCORE', due, 'moving:') then return 'moving' end -- as in worker/wakeups/due.lua
for i = 6, 5 + names do
  if redis.call('ZSCORE', notified, ARGV[i]) then return 'repeated' end
end

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local arrival = string.format('%.0f', now)

if asked then
  if sent_s * 1000 < now - DAY or sent_s * 1000 > now + AHEAD then return 'stale' end
  local wanted, fields, n = {}, {}, 0
  for i = 6 + names, #ARGV, 2 do
    n = n + 1
    fields[n] = 'd:' .. ARGV[i + 1]
  end
  local marks = n > 0 and redis.call('HMGET', state, unpack(fields)) or {}
  for k = 1, n do
    -- See shopstream/state/mark_line.py. A mark ahead of the clock is another clock's.
    local seen_ms = marks[k] and tonumber(string.match(marks[k], '^%d+ (%d+)') or '0') or 0
    if seen_ms > now or sent_s * 1000 >= seen_ms - MARGIN then wanted[#wanted + 1] = ARGV[4 + names + 2 * k] end
  end
  if n > 0 and #wanted == 0 then return 'known' end
  -- The score of an urgent id has no moment, so its reason has it.
  text = string.sub(text, 1, -2) .. ',"at":' .. arrival .. '}'
  for _, id in ipairs(wanted) do
    redis.call('ZADD', backlog, 'LT', 0, id)
    redis.call('HSET', asked, id, text)
  end
  if #wanted > 0 then redis.call('ZADD', due, 'LT', 0, member) end
else
  redis.call('RPUSH', KEYS[4], arrival .. ' ' .. text)
  redis.call('ZADD', due, 'LT', 0, member)
end

for i = 6, 5 + names do redis.call('ZADD', notified, arrival, ARGV[i]) end
local old = redis.call('ZRANGEBYSCORE', notified, '-inf', '(' .. string.format('%.0f', now - DAY), 'LIMIT', 0, DROPPED_MOST)
if #old > 0 then redis.call('ZREM', notified, unpack(old)) end
local over = redis.call('ZCARD', notified) - NAMES_MOST
if over > 0 then redis.call('ZREMRANGEBYRANK', notified, 0, over - 1) end
return 'accepted'
