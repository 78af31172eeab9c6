-- Add counts to some rings of a hash.
-- KEYS  a hash of rings        ARGV  per ring: its field, seconds of a slot, number of slots, two counts, count, value
local time = redis.call('TIME')
for i = 1, #ARGV, 7 do
  local slots, a, b, c, d = unpack(ARGV, i + 2, i + 6)
  local ring = redis.call('HGET', KEYS[1], ARGV[i])
  redis.call('HSET', KEYS[1], ARGV[i], add(ring, tonumber(slots), math.floor(time[1] / ARGV[i + 1]), tonumber(a),
    tonumber(b), tonumber(c), tonumber(d)))
end
return 1
