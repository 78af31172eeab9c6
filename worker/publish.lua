-- Store what was seen, add its events to the streams, let go of the ids: all of it or none, product by product.
-- KEYS  state lease claimed tries asked epoch products stock shops dead
-- ARGV  fence ("" without a claim) epoch fresh_epoch source shop region,
--       then per product: raw id, state field ("" leaves the state alone), expected mark, new mark, new state, n,
--       and n times: head, data        (head: see worker/changes.py)
-- Gives {"fenced"}; {"epoch", epoch} if the events must be built for another one; else per product 1, or {mark, state}
-- if somebody else has stored a newer one meanwhile.
local state, lease, claimed, tries, asked, epoch_key = unpack(KEYS)
local streams = {products = KEYS[7], stock = KEYS[8], shops = KEYS[9], dead = KEYS[10]}
local fence, epoch, source, shop, region = ARGV[1], ARGV[2], ARGV[4], ARGV[5], ARGV[6]
if fence ~= '' and redis.call('HGET', lease, 'fence') ~= fence then return {'fenced'} end

-- Another replication id means another or a restarted server: the last writes may be lost, and `seq` may be used again.
local info = redis.pcall('INFO', 'replication')
local server = type(info) == 'string' and string.match(info, 'master_replid:(%x+)') or 'unknown'
local stored = redis.call('HMGET', epoch_key, 'epoch', 'server')
if not stored[1] or stored[2] ~= server then
  redis.call('HSET', epoch_key, 'epoch', ARGV[3], 'server', server)
  return {'epoch', ARGV[3]}
end
if stored[1] ~= epoch then return {'epoch', stored[1]} end

local answer, i = {}, 7
while i <= #ARGV do
  local id, field, expected, mark, full, n = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4], tonumber(ARGV[i + 5])
  local current = field ~= '' and redis.call('HGET', state, 'd:' .. field) or ''
  if field ~= '' and current ~= expected then
    answer[#answer + 1] = {current, redis.call('HGET', state, 'p:' .. field) or ''}
  else
    for e = i + 6, i + 4 + 2 * n, 2 do
      local part, at = {}, 1
      for text in string.gmatch(ARGV[e] .. '\31', '([^\31]*)\31') do part[at] = text; at = at + 1 end
      -- The same fields in the same order in each entry: a stream packs those best.
      local entry = {
        'specversion', '1.0', 'id', part[3], 'source', source, 'type', part[2], 'subject', part[4], 'time', part[5],
        'datacontenttype', 'application/json', 'dataschema', part[10], 'seq', part[6], 'epoch', epoch,
        'origin', part[7], 'causationid', part[8],
      }
      local function tell(name, value) -- CloudEvents has no empty attributes
        if value ~= '' then
          entry[#entry + 1] = name
          entry[#entry + 1] = value
        end
      end
      tell('partitionkey', shop)
      tell('shopid', shop)
      tell('region', region)
      tell('traceparent', part[9])
      tell('data', ARGV[e + 1])
      redis.call('XADD', streams[part[1]], '*', unpack(entry))
    end
    -- After its events: a script has no rollback, and should XADD be refused (rights taken away, a key of another type)
    -- a state that is stored already would hide the change for ever.
    if field ~= '' then redis.call('HSET', state, 'd:' .. field, mark, 'p:' .. field, full) end
    if fence ~= '' then
      redis.call('ZREM', claimed, id)
      redis.call('HDEL', tries, id)
      redis.call('HDEL', asked, id)
    end
    answer[#answer + 1] = 1
  end
  i = i + 6 + 2 * n
end
return answer
