-- Store a pair. Pairs are ordered by the fence that their call was begun under: a later one is never overwritten.
-- KEYS  token         ARGV  fence ("" for a new consent, which comes after everything) sealed ciphers ("" keeps them)
--               issuer ("" keeps it): the app and the hosts that gave the pair
local fence = ARGV[1]
if fence == '' then
  fence = redis.call('HINCRBY', KEYS[1], 'fence', 1)
  redis.call('HDEL', KEYS[1], 'previous', 'lock_until', 'called_at', 'listed_at', 'expiring_told')
else
  if tonumber(fence) <= tonumber(redis.call('HGET', KEYS[1], 'pair_fence') or '0') then return 0 end
  redis.call('HSET', KEYS[1], 'previous', redis.call('HGET', KEYS[1], 'pair'))
  if redis.call('HGET', KEYS[1], 'fence') == fence then redis.call('HDEL', KEYS[1], 'lock_until') end
end
redis.call('HSET', KEYS[1], 'pair', ARGV[2], 'pair_fence', fence, 'state', 'active')
if ARGV[3] ~= '' then redis.call('HSET', KEYS[1], 'ciphers', ARGV[3]) end
redis.call('HDEL', KEYS[1], 'intent', 'reason', 'not_before', 'spent')
if ARGV[4] ~= '' then redis.call('HSET', KEYS[1], 'issuer', ARGV[4]) end
local version, time = redis.call('HINCRBY', KEYS[1], 'version', 1), redis.call('TIME')
-- A backup compares pairs by their age. The version tells that a worker of an older version has stored a later pair.
redis.call('HSET', KEYS[1], 'issued', version .. ':' .. time[1])
return version
