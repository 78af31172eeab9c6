-- Remove notices that were taken in, and end the shop's turn if there are no more.
-- KEYS  notices due
-- ARGV  member of `due`, number, the first of these notices
-- Returns 1 if the list is empty. Another worker may have removed them already: then the first is another one.
if tonumber(ARGV[2]) > 0 and redis.call('LINDEX', KEYS[1], 0) == ARGV[3] then redis.call('LTRIM', KEYS[1], ARGV[2], -1) end
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('ZREM', KEYS[2], ARGV[1])
return 1
