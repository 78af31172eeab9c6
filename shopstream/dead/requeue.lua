-- Requeue dead letters: put each id into its shop's backlog, and remove its letter.
-- KEYS  dead due backlog asked          ARGV  member, then per letter: entry id, id, why (JSON)
-- An entry id "" names a letter in another slot, which the caller removes afterwards.
-- Returns the number requeued. A letter that was just requeued, dropped or trimmed elsewhere is skipped.
local dead, due, backlog, asked = unpack(KEYS)
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local n = 0
for i = 2, #ARGV, 3 do
  if ARGV[i] == '' or redis.call('XDEL', dead, ARGV[i]) == 1 then
    redis.call('ZADD', backlog, 'LT', now, ARGV[i + 1])
    redis.call('HSETNX', asked, ARGV[i + 1], ARGV[i + 2])
    n = n + 1
  end
end
if n > 0 then redis.call('ZADD', due, 'LT', now, ARGV[1]) end
return n
