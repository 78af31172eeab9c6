-- Replace a ciphertext by another of the same plaintext, if it is still the one that was read.
-- KEYS  token         ARGV  field old new
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
return 1
