-- Which answers tell something new? An unchanged or outdated one is settled here, without its data crossing the wire.
-- KEYS  state lease claimed backlog tries asked
-- ARGV  fence ("" without a claim) view, then per product: id as asked ("" lets go of nothing), id, fetch_seq, digest, seen_ms
-- Gives {now_ms, then per product: "" unchanged | "stale" | {mark, state}: changed}; {"fenced"} if another drain took over.
-- A mark is `fetch_seq seen_ms view=digest …`: by what, when and as what the product was last seen, the latest view first;
-- "?" for a digest means: to be compared anew.
local state, lease, claimed, backlog, tries, asked = unpack(KEYS)
local fence, view = ARGV[1], ARGV[2]
if fence ~= '' and redis.call('HGET', lease, 'fence') ~= fence then return {'fenced'} end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local fields = {}
for i = 4, #ARGV, 5 do fields[(i + 1) / 5] = 'd:' .. ARGV[i] end
local marks = redis.call('HMGET', state, unpack(fields))

local answer, settled, seen, s, n = {now}, {}, {}, 0, 0
for k, mark in ipairs(marks) do
  local asked_as, id, fetch_seq, digest, ms = unpack(ARGV, 5 * k - 2, 5 * k + 2)
  local done = true
  if not mark then
    answer[k + 1], done = {'', ''}, false
  else
    local last, _, views = string.match(mark, '^(%d+) (%d+)(.*)$')
    local mine = ' ' .. view .. '=' .. digest
    local from, to = string.find(views, mine, 1, true)
    if tonumber(last) > tonumber(fetch_seq) then
      -- Overlapping calls are unordered in truth, so the loser is asked for once more.
      answer[k + 1] = 'stale'
      if fence ~= '' then redis.call('ZADD', backlog, 'LT', now, asked_as ~= '' and asked_as or id) end
    elseif from then
      answer[k + 1] = ''
      seen[n + 1] = fields[k]
      seen[n + 2] = fetch_seq .. ' ' .. ms .. mine .. string.sub(views, 1, from - 1) .. string.sub(views, to + 1)
      n = n + 2
    else
      answer[k + 1], done = {mark, redis.call('HGET', state, 'p:' .. id) or ''}, false
    end
  end
  if done and asked_as ~= '' then
    s = s + 1
    settled[s] = asked_as
  end
end
if n > 0 then redis.call('HSET', state, unpack(seen)) end
if fence ~= '' and s > 0 then
  redis.call('ZREM', claimed, unpack(settled))
  redis.call('HDEL', tries, unpack(settled))
  redis.call('HDEL', asked, unpack(settled))
end
return answer
