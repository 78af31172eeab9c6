-- Letters become requests again: each id goes back into its shop's backlog in the step that removes its letter.
-- KEYS  dead due backlog asked          ARGV  member, then per letter: entry id, id, why (JSON)
-- Entry id "": the letter stands elsewhere, and is removed afterwards.
-- How many there were: a letter that somebody else has just requeued, dropped or trimmed is passed over.
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
