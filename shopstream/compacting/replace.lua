-- Replace a stored state that nobody has changed meanwhile.
-- KEYS  state          ARGV  field, its value, the new one
-- Gives 1 if it was replaced.
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
return 1
