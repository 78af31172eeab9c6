-- Store the new states and add their events to the streams, product by product; then release the ids.
-- KEYS  state lease claimed tries asked epoch products stock shops dead gone backlog
-- ARGV  fence ("" without a claim) epoch fresh_epoch source shop region products,
--       then per product: id as claimed ("" without one), state field ("" leaves the state alone), expected mark,
--       new mark, new state, time, origin, causationid, traceparent ("" without one; one for all events, or one for
--       each with a space between), n, and n times the events'
--       own fields: stream, type, id, subject, dataschema, seq, data; on a cluster "news" at the end
-- Gives {"fenced"}; {"epoch", epoch} if the events must be built for another one; else per product 1, or {mark, state,
-- now_ms} if another worker has stored another one meanwhile.
local state, lease, claimed, tries, asked, epoch_key = unpack(KEYS)
local TRACE = 55  -- characters of a traceparent
local streams = {products = KEYS[7], stock = KEYS[8], shops = KEYS[9], dead = KEYS[10]}
local fence, epoch, source, shop, region = ARGV[1], ARGV[2], ARGV[4], ARGV[5], ARGV[6]
if fence ~= '' and redis.call('HGET', lease, 'fence') ~= fence then return {'fenced'} end

-- Another replication id means another or a restarted server: the last writes may be lost, and `seq` may be used again.
local info = redis.pcall('INFO', 'replication')
local server = type(info) == 'string' and string.match(info, 'master_replid:(%x+)') or 'unknown'
local stored = redis.call('HMGET', epoch_key, 'epoch', 'server', 'next')
if stored[1] and stored[2] ~= server and stored[3] == server then
  -- The slot was moved here as planned (shopstream/slot_moves): nothing is lost.
  redis.call('HSET', epoch_key, 'server', server)
  redis.call('HDEL', epoch_key, 'next')
elseif not stored[1] or stored[2] ~= server then
  redis.call('HSET', epoch_key, 'epoch', ARGV[3], 'server', server)
  redis.call('HDEL', epoch_key, 'next')
  return {'epoch', ARGV[3]}
end
if stored[1] ~= epoch then return {'epoch', stored[1]} end

-- Attributes that not every event has: CloudEvents allows no empty ones.
local more, n = {}, 0
local function tell(name, value)
  if value ~= '' then
    more[n + 1], more[n + 2] = name, value
    n = n + 2
  end
end
tell('partitionkey', shop)
tell('shopid', shop)
tell('region', region)
local of_shop = n

-- No blocking XREAD spans the slots of a cluster, so that readers are told which partitions have new entries.
local announced, heard = ARGV[#ARGV] == 'news', {}

local function add(i, e)
  heard[ARGV[e]] = true
  n = of_shop
  local trace = ARGV[i + 8]
  if #trace > TRACE then
    local from = (e - i - 10) / 7 * (TRACE + 1)
    trace = string.sub(trace, from + 1, from + TRACE)
  end
  tell('traceparent', trace)
  tell('data', ARGV[e + 6])
  -- The same fields in the same order in each entry: a stream packs those best.
  redis.call('XADD', streams[ARGV[e]], '*', 'specversion', '1.0', 'id', ARGV[e + 2], 'source', source, 'type', ARGV[e + 1],
    'subject', ARGV[e + 3], 'time', ARGV[i + 5], 'datacontenttype', 'application/json', 'dataschema', ARGV[e + 4],
    'seq', ARGV[e + 5], 'epoch', epoch, 'origin', ARGV[i + 6], 'causationid', ARGV[i + 7], unpack(more, 1, n))
end

local begins, fields, i = {}, {}, 8
for k = 1, ARGV[7] do
  begins[k], fields[k] = i, 'd:' .. ARGV[i + 1]
  i = i + 10 + 7 * ARGV[i + 9]
end
local marks = redis.call('HMGET', state, unpack(fields))
local answer, released, r, stored_here = {}, {}, 0, {}
for k, i in ipairs(begins) do
  local id, field = ARGV[i], ARGV[i + 1]
  local current = stored_here[field] or marks[k] or ''
  if field ~= '' and current ~= ARGV[i + 2] then
    local time = redis.call('TIME')
    local now = time[1] * 1000 + math.floor(time[2] / 1000)
    answer[k] = {current, redis.call('HGET', state, 'p:' .. field) or '', now}
  else
    for e = i + 10, i + 3 + 7 * ARGV[i + 9], 7 do add(i, e) end
    -- After its events: a script has no rollback, and should XADD be refused (rights taken away, a key of another type)
    -- a state that is stored already would hide the change for ever.
    if field ~= '' then
      redis.call('HSET', state, fields[k], ARGV[i + 3], 'p:' .. field, ARGV[i + 4])
      stored_here[field] = ARGV[i + 3]
      -- A tombstone: worker/retention/tombstones.py removes it after its time.
      if string.sub(ARGV[i + 4], 1, 15) == '{"deleted":true' then
        local time = redis.call('TIME')
        redis.call('ZADD', KEYS[11], time[1] * 1000 + math.floor(time[2] / 1000), shop .. ':' .. field)
      end
    end
    r = r + 1
    released[r] = id
    answer[k] = 1
  end
end
-- If the script fails before this, the next look at these ids finds its writes unchanged.
if fence ~= '' and r > 0 then release(claimed, tries, asked, KEYS[12], released) end
if announced then
  local prefix, number = string.match(epoch_key, '^(.-):{(%d+)}')
  -- Readers poll besides: a user who may not publish costs them time alone.
  for stream in pairs(heard) do redis.pcall('PUBLISH', prefix .. ':news:' .. stream, number) end
end
return answer
