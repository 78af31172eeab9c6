-- Take, renew or look at the lease of a partition for one stream and group.
-- KEYS  lease: "TOKEN END", with the moment in ms at which it ends for all but those who ask whether its member lives
-- ARGV  operation, then:
--   look                                    show what may be taken: "" of a free lease, else the lease if it has ended
--   acquire  token ms kept_ms expected      take it until its end, if it is what a look has shown
--   renew    token ms kept_ms               extend it, and keep it beyond its end, if it is still this token's
-- Returns 1 or 0; of a look nil while the lease holds by itself.
-- A renewal never takes a free lease: another member may have held it in between.
-- A version before has leases without END, which hold for as long as they exist.
local operation, token, ms, kept_ms, expected = unpack(ARGV)
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local lease = redis.call('GET', KEYS[1]) or ''

if operation == 'look' then
  if lease == '' then return lease end
  local ends = tonumber(string.match(lease, ' (%d+)$'))
  return ends and ends <= now and lease or false
end

local own = string.sub(lease, 1, #token + 1) == token .. ' '
if operation == 'acquire' then
  -- It may arrive twice: its client repeats it if the answer was lost.
  if own then return 1 end
  if lease ~= expected then return 0 end
  kept_ms = 0
elseif not own then
  return 0
end
redis.call('SET', KEYS[1], token .. ' ' .. string.format('%.0f', now + ms), 'PX', ms + kept_ms)
return 1
