-- Find a pair newer than the one seen, or take the lock to fetch one, or give the time to wait.
-- KEYS  token
-- ARGV  seen_version lock_ms refused ("1": TikTok no longer takes the present access token) least_ms between two calls;
--       then the issuers of all apps of the worker (one "": any)
-- {"unknown"} | {"elsewhere"} | {"refused", reason} | {"newer"} | {"later", ms} | {"held", ms} | {"yours", fence, sealed, ciphers or "",
-- 1 if an earlier try has an unknown end, issuer or ""}
local LATER_MOST = 600000 -- ms: the longest wait after a refresh that failed, in worker/tokens/refresh_outcome.py
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local r = redis.call('HMGET', KEYS[1], 'version', 'state', 'reason', 'not_before', 'lock_until', 'intent', 'pair', 'spent',
  'called_at', 'ciphers', 'issuer')
if not r[1] then return {'unknown'} end
local ours = not r[11] or ARGV[5] == ''
for i = 5, #ARGV do ours = ours or r[11] == ARGV[i] end
if not ours then return {'elsewhere'} end
if r[2] ~= 'active' then return {'refused', r[3] or ''} end
if tonumber(r[1]) > tonumber(ARGV[1]) then return {'newer'} end
if r[8] and ARGV[3] == '1' then
  -- Both of its tokens are void: the seller has to authorize again.
  redis.call('HSET', KEYS[1], 'state', 'reauthorization_required', 'reason', 'refresh_outcome_unknown')
  return {'refused', 'refresh_outcome_unknown'}
end
local lock_ms, least_ms = tonumber(ARGV[2]), tonumber(ARGV[4])
-- A moment too far ahead is of another server's clock.
local held = tonumber(r[5] or '0')
if held > now and held <= now + lock_ms then return {'held', held - now} end
local later = tonumber(r[4] or '0')
if later > now + LATER_MOST then later = 0 end
-- Once a minute at most, whatever answers and clocks say: each call replaces the pair, and a loop would spend it.
later = math.max(later, math.min(tonumber(r[9] or '0'), now) + least_ms)
if later > now then return {'later', later - now} end
local fence = redis.call('HINCRBY', KEYS[1], 'fence', 1)
-- Store the intent: if the call never ends, the next worker knows that the old refresh token may be spent.
redis.call('HSET', KEYS[1], 'lock_until', now + lock_ms, 'intent', fence .. ':' .. r[1] .. ':' .. now, 'called_at', now)
return {'yours', fence, r[7], r[10] or '', r[6] and 1 or 0, r[11] or ''}
