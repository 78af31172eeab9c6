-- Note a refresh without a pair. It counts only if no other pair was stored since.
-- KEYS  token
-- ARGV  fence, reason ("" if the seller needn't do anything), wait_ms until the next try, "1" if the refresh token is
--       spent, "1" if it is certain that it isn't (TikTok answered without judging it), "1" if TikTok was not reached
if redis.call('HGET', KEYS[1], 'fence') ~= ARGV[1] then return 0 end
redis.call('HDEL', KEYS[1], 'lock_until')
if tonumber(redis.call('HGET', KEYS[1], 'pair_fence') or '0') >= tonumber(ARGV[1]) then return 0 end
if ARGV[2] ~= '' then
  redis.call('HSET', KEYS[1], 'state', 'reauthorization_required', 'reason', ARGV[2])
  return 1
end
local time = redis.call('TIME')
redis.call('HSET', KEYS[1], 'not_before', time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[3])
if ARGV[4] == '1' then redis.call('HSET', KEYS[1], 'spent', 1) end
if ARGV[5] == '1' then redis.call('HDEL', KEYS[1], 'intent') end
if ARGV[6] == '1' then redis.call('HDEL', KEYS[1], 'called_at') end
return 1
