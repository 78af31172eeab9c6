-- Put off ids that wait for exactly the moments named: one that somebody has made sooner stays.
-- KEYS  backlog
-- ARGV  per id: id, its moment, the next moment; ms of Redis's clock
-- Returns the number of ids that were put off.
local n = 0
for i = 1, #ARGV, 3 do
  local score = redis.call('ZSCORE', KEYS[1], ARGV[i])
  if score and tonumber(score) == tonumber(ARGV[i + 1]) then
    redis.call('ZADD', KEYS[1], 'XX', ARGV[i + 2], ARGV[i])
    n = n + 1
  end
end
return n
