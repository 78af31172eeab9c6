-- Write the glances of some shops from the keys that hold their facts, and add calls to their history.
-- Facts alone: shopstream/glance/shop_states.py judges them. No other script writes a glance, so none can be wrong for
-- longer than the time to the next look.
-- KEYS  glance registry settings due rings, then per shop: state, walk, backlogs of products and stock, claimed ids of
--       both, pace, ring
-- ARGV  the endpoints with commas between them, the defaults of interval, full_interval and stock_interval, then per shop: its id, events, drift, dead letters, and per
--       endpoint: calls, throttled calls
-- Returns the number of shops that are authorized. The glance of any other is removed.
local glances, registry, settings, due, rings = unpack(KEYS, 1, 5)
local PERIOD, PERIODS = 300, 288 -- seconds of a slot of calls, and slots: a day
local DAYS = 8                  -- slots of a day each, of drift and dead letters
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local CHANGES, FULL, STOCK = ARGV[2], ARGV[3], ARGV[4] -- the default settings, in seconds
local endpoints = {}
for name in string.gmatch(ARGV[1], '[^,]+') do endpoints[#endpoints + 1] = name end

local function text(n) return string.format('%.0f', n) end
local function json(value)
  return value and string.sub(value, 1, 1) == '{' and pcall(cjson.decode, value) and value or 'null'
end

local function number(value) return value and tonumber(value) and text(tonumber(value)) or 'null' end

-- The backlog of stock holds looks that are planned for later too: those don't wait.
local function waiting(backlog, claimed, latest)
  local count = redis.call('ZCOUNT', backlog, '-inf', latest) + redis.call('ZCARD', claimed)
  -- Scores of 0 and 1 are no moments. An urgent id's is minus the moment of its next try.
  local first = count > 0 and redis.call('ZRANGEBYSCORE', backlog, 2, now, 'WITHSCORES', 'LIMIT', 0, 1) or {}
  return count, first[2]
end

-- A number in the settings, or its default.
local function setting(stored, name, default)
  return tonumber(string.match(stored, '"' .. name .. '":(%d+)') or default)
end

-- The facts that decide the state, in 76 bytes: shopstream/glance/shop_facts.py reads them.
local ACTIVE, PAUSED, SEEN, LOADS, TROUBLED = 1, 2, 4, 8, 16
local function pack(entry, stored, record, walks, oldest, count, cool, level, refused, listed, stock_count, first, stock_first)
  local flags = 0
  if string.find(entry, '"status":"active"', 1, true) then flags = flags + ACTIVE end
  if string.find(stored, '"paused":true', 1, true) then flags = flags + PAUSED end
  if walks[2] then flags = flags + SEEN end
  if setting(stored, 'full_interval', FULL) > 0 then flags = flags + LOADS end
  if string.find(record, '"told":"[^"]') then flags = flags + TROUBLED end
  return struct.pack('>I1dddI4I4I4dI1I2I4I4I4dd', flags, tonumber(walks[1] or '0'), tonumber(walks[3] or '0'),
    tonumber(oldest or '0'), setting(stored, 'interval', CHANGES), setting(stored, 'stock_interval', STOCK),
    math.min(count, 4294967295), cool, math.min(level, 255), math.min(refused, 1000),
    tonumber(string.match(entry, '"refresh_expires_at":(%d+)') or '0'), listed,
    math.min(stock_count, 4294967295), tonumber(first or '0'), tonumber(stock_first or '0'))
end

local period, day = math.floor(now / 1000 / PERIOD), math.floor(now / 86400000)
local known, all_calls, all_events, all_throttled, k, i = 0, 0, 0, 0, 6, 5
while i <= #ARGV do
  local shop, events, drift, dead = ARGV[i], tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2]), tonumber(ARGV[i + 3])
  local state, walk, products, stock, claimed_products, claimed_stock, pace, ring = unpack(KEYS, k, k + 7)
  local entry = json(redis.call('HGET', registry, shop))
  if entry == 'null' then
    redis.call('HDEL', glances, shop)
  else
    known = known + 1
    local history = redis.call('HMGET', ring, 'days', unpack(endpoints))
    local fields = {}
    for _, name in ipairs(endpoints) do
      for _, fact in ipairs({'rate', 'limit', 'cool', 'level'}) do fields[#fields + 1] = name .. ':' .. fact end
    end
    local paced, new, paces = redis.call('HMGET', pace, unpack(fields)), {}, {}
    local cool_most, level_most, refused_most = 0, 0, 0
    for e, name in ipairs(endpoints) do
      local calls, throttled = tonumber(ARGV[i + 2 + 2 * e]), tonumber(ARGV[i + 3 + 2 * e])
      local rate, limit, cool, level = unpack(paced, 4 * e - 3, 4 * e)
      local mine = history[e + 1]
      local published = e == 1 and events or 0 -- the first endpoint's slots hold the events of all
      if calls + published > 0 then
        mine = add(mine, PERIODS, period, calls, published, throttled, 10 * tonumber(rate or '0'))
        new[#new + 1], new[#new + 2] = name, mine
      end
      all_calls, all_throttled = all_calls + calls, all_throttled + throttled
      local some, _, refused = sum(mine, PERIODS, period, 2)
      cool_most, level_most = math.max(cool_most, tonumber(cool or '0')), math.max(level_most, tonumber(level or '0'))
      if some > 0 then refused_most = math.max(refused_most, math.ceil(1000 * refused / some)) end
      if rate or some > 0 then
        paces[#paces + 1] = '["' .. name .. '",' .. (rate or 'null') .. ',' .. (limit or 'null') .. ',' ..
          text(tonumber(cool or '0')) .. ',' .. text(tonumber(level or '0')) .. ',' .. text(some) .. ',' ..
          text(refused) .. ']'
      end
    end
    all_events = all_events + events
    local days = history[1]
    if drift + dead > 0 then
      days = add(days, DAYS, day, drift, dead, 0, 0)
      new[#new + 1], new[#new + 2] = 'days', days
    end
    if #new > 0 then redis.call('HSET', ring, unpack(new)) end
    local drifted, died = sum(days, DAYS, day, 7)
    local walks = redis.call('HMGET', walk, 'changes', 'watermark', 'seen', 'at:full', 'at:delta', 'at:poll', 'since:full',
      'since:delta', 'since:poll')
    local walking, place = 'null', ''
    for w, name in ipairs({'full', 'delta', 'poll'}) do
      if walking == 'null' and (walks[3 + w] or walks[6 + w]) then walking, place = '"' .. name .. '"', walks[3 + w] or '' end
    end
    local moments = redis.call('ZMSCORE', due, 'delta:' .. shop, 'full:' .. shop, 'poll:' .. shop)
    local stored, record = json(redis.call('HGET', settings, shop)), json(redis.call('HGET', state, 'p:shop'))
    local count, first = waiting(products, claimed_products, '+inf')
    local stock_count, stock_first = waiting(stock, claimed_stock, now)
    local oldest = math.min(tonumber(first or 'inf'), tonumber(stock_first or 'inf'))
    local listed = math.max(0, math.floor(redis.call('HLEN', state) / 2) - 1)
    local head = pack(entry, stored, record, walks, oldest < math.huge and oldest or 0, count + stock_count, cool_most,
      level_most, refused_most, listed, stock_count, first, stock_first)
    local facts = {
      entry, stored, record,
      number(walks[1]), number(walks[2]), number(walks[3]), walking, number(string.match(place, '"products":(%d+)')),
      number(string.match(place, '"expected":(%d+)')), number(moments[1]), number(moments[2]), number(moments[3]),
      text(count), number(first), text(stock_count), number(stock_first), text(listed),
      '[' .. table.concat(paces, ',') .. ']', text(drifted), text(died), text(now)}
    redis.call('HSET', glances, shop, head .. '[' .. table.concat(facts, ',') .. ']')
  end
  k, i = k + 8, i + 4 + 2 * #endpoints
end
if all_calls + all_events > 0 then
  local whole = add(redis.call('HGET', rings, 'calls'), PERIODS, period, all_calls, all_events, all_throttled, 0)
  redis.call('HSET', rings, 'calls', whole)
end
return known
