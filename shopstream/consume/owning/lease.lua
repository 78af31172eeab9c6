-- Take, renew or look at the lease of a partition for one stream and group.
-- KEYS  lease
-- ARGV  operation token milliseconds
--       look: is it free?  acquire: take it if it is free.  renew: extend it if it is still this token's.
-- Returns 1 or 0. A renewal never takes a free lease: another member may have held it in between.
local operation, token, ttl = ARGV[1], ARGV[2], ARGV[3]
local holder = redis.call('GET', KEYS[1])
if operation == 'look' then return holder and 0 or 1 end
if operation == 'acquire' then
  if holder then return 0 end
  redis.call('SET', KEYS[1], token, 'PX', ttl)
  return 1
end
if holder ~= token then return 0 end
redis.call('PEXPIRE', KEYS[1], ttl)
return 1
