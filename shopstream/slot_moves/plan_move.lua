-- Write down the server to which the slot of a partition moves next: events there go on in the same epoch.
-- KEYS  epoch   ARGV  the replication id of the target
-- Gives 1; 0 if nothing was published here yet, or the last events may be lost: then a new epoch is right.
local info = redis.call('INFO', 'replication')
local server = string.match(info, 'master_replid:(%x+)')
local stored = redis.call('HMGET', KEYS[1], 'epoch', 'server', 'next')
if not stored[1] then return 0 end
if stored[2] ~= server then
  -- Moved here as planned, and nothing was published since.
  if stored[3] ~= server then
    redis.call('HDEL', KEYS[1], 'next')  -- that of an earlier plan, before the failover
    return 0
  end
  redis.call('HSET', KEYS[1], 'server', server)
end
redis.call('HSET', KEYS[1], 'next', ARGV[1])
return 1
