-- Have workers look at what is due in some partitions: one worker for each.
-- KEYS  wake
-- ARGV  numbers of partitions
-- Returns the number of those that nobody was to look at yet.
local pairs = {}
for _, number in ipairs(ARGV) do
  pairs[#pairs + 1] = 0
  pairs[#pairs + 1] = number
end
return redis.call('ZADD', KEYS[1], unpack(pairs))
