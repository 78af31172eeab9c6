-- Replace a shop's entry, if it is still the one that was judged.
-- KEYS  registry         ARGV  shop before after          -> 1 if done, 0 if another one was written since
-- `before` is "" if there was none.
if (redis.call('HGET', KEYS[1], ARGV[1]) or '') ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
return 1
