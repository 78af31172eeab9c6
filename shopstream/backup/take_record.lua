-- Store a token record of a backup, if the present one is still the one that it was compared with.
-- KEYS  token         ARGV  the compared pair ("" for none), then field and value of each field
-- Gives 1 if it was stored, 0 if another record is there now, -1 while a worker renews the pair
local r = redis.call('HMGET', KEYS[1], 'pair', 'lock_until')
if (r[1] or '') ~= ARGV[1] then return 0 end
local time = redis.call('TIME')
local now, held = time[1] * 1000, tonumber(r[2] or '0')
-- A moment too far ahead is of another server's clock, as in worker/tokens/acquire.lua.
if held > now and held <= now + 45000 then return -1 end
redis.call('DEL', KEYS[1])
for i = 2, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
return 1
