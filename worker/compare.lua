-- Which answers tell something new? An unchanged or outdated one is settled here, without its data crossing the wire.
-- KEYS  state lease claimed backlog tries asked
-- ARGV  fence ("" without a claim) view, then per product: id as asked ("" lets go of nothing), id, fetch_seq, digest, seen_ms
-- Gives {now_ms, then per product: "" unchanged | "stale" | "changed", mark, state}; {"fenced"} if another drain took over.
-- A mark is `fetch_seq seen_ms view=digest …`: by what, when and as what the product was last seen, the latest view first;
-- "?" for a digest means: to be compared anew.
local state, lease, claimed, backlog, tries, asked = unpack(KEYS)
local fence, view = ARGV[1], ARGV[2]
if fence ~= '' and redis.call('HGET', lease, 'fence') ~= fence then return {'fenced'} end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local fields = {}
for i = 3, #ARGV, 5 do fields[#fields + 1] = 'd:' .. ARGV[i + 1] end
local marks = redis.call('HMGET', state, unpack(fields))

local answer, settled, seen = {now}, {}, {}
local function settle(asked_as)
  if asked_as ~= '' then settled[#settled + 1] = asked_as end
end
for k, mark in ipairs(marks) do
  local i = 3 + (k - 1) * 5
  local asked_as, id, fetch_seq, digest, ms = ARGV[i], ARGV[i + 1], tonumber(ARGV[i + 2]), ARGV[i + 3], ARGV[i + 4]
  if not mark then
    answer[#answer + 1] = {'changed', '', ''}
  else
    local last, _, views = string.match(mark, '^(%d+) (%d+)(.*)$')
    local mine = ' ' .. view .. '=' .. digest
    local from, to = string.find(views, mine, 1, true)
    if tonumber(last) > fetch_seq then
      -- Overlapping calls are unordered in truth, so the loser is asked for once more.
      answer[#answer + 1] = 'stale'
      settle(asked_as)
      if fence ~= '' then redis.call('ZADD', backlog, 'LT', now, asked_as ~= '' and asked_as or id) end
    elseif from then
      answer[#answer + 1] = ''
      settle(asked_as)
      seen[#seen + 1] = fields[k]
      seen[#seen + 1] = fetch_seq .. ' ' .. ms .. mine .. string.sub(views, 1, from - 1) .. string.sub(views, to + 1)
    else
      answer[#answer + 1] = {'changed', mark, redis.call('HGET', state, 'p:' .. id) or ''}
    end
  end
end
if #seen > 0 then redis.call('HSET', state, unpack(seen)) end
if fence ~= '' and #settled > 0 then
  redis.call('ZREM', claimed, unpack(settled))
  redis.call('HDEL', tries, unpack(settled))
  redis.call('HDEL', asked, unpack(settled))
end
return answer
