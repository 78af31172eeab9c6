-- Remove tombstones, unless their products have come back or were deleted again meanwhile.
-- KEYS  gone state          ARGV  shop until_ms, then product ids
-- Gives the number of removed tombstones.
local gone, state = KEYS[1], KEYS[2]
local removed = 0
for i = 3, #ARGV do
  local member, product = ARGV[1] .. ':' .. ARGV[i], ARGV[i]
  local since = tonumber(redis.call('ZSCORE', gone, member) or '')
  if since and since <= tonumber(ARGV[2]) then
    redis.call('ZREM', gone, member)
    if string.sub(redis.call('HGET', state, 'p:' .. product) or '', 1, 15) == '{"deleted":true' then
      removed = removed + 1
      redis.call('HDEL', state, 'p:' .. product, 'd:' .. product)
    end
  end
end
return removed
