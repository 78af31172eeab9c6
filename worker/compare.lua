-- Which answers tell something new? An unchanged or outdated one is settled here, without its data crossing the wire.
-- KEYS  state lease claimed backlog tries asked
-- ARGV  fence ("" without a claim) view, then per product: id, fetch_seq, digest, seen_ms
-- Gives {now_ms, then per product: "" unchanged | "stale" | "changed", mark, state}; {"fenced"} if another drain took over.
-- A mark is `fetch_seq seen_ms view=digest …`: by what, when and as what the product was last seen.
local state, lease, claimed, backlog, tries, asked = unpack(KEYS)
local fence, view = ARGV[1], ARGV[2]
if fence ~= '' and redis.call('HGET', lease, 'fence') ~= fence then return {'fenced'} end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local fields = {}
for i = 3, #ARGV, 4 do fields[#fields + 1] = 'd:' .. ARGV[i] end
local marks = redis.call('HMGET', state, unpack(fields))

local answer, settled, seen = {now}, {}, {}
for k, mark in ipairs(marks) do
  local i = 3 + (k - 1) * 4
  local id, fetch_seq, digest, ms = ARGV[i], tonumber(ARGV[i + 1]), ARGV[i + 2], ARGV[i + 3]
  if not mark then
    answer[#answer + 1] = {'changed', '', ''}
  else
    local last, _, views = string.match(mark, '^(%d+) (%d+)(.*)$')
    if tonumber(last) > fetch_seq then
      -- Overlapping calls are unordered in truth, so the loser is asked for once more.
      answer[#answer + 1] = 'stale'
      settled[#settled + 1] = id
      if fence ~= '' then redis.call('ZADD', backlog, 'LT', now, id) end
    elseif string.find(views, ' ' .. view .. '=' .. digest, 1, true) then
      answer[#answer + 1] = ''
      settled[#settled + 1] = id
      seen[#seen + 1] = fields[k]
      seen[#seen + 1] = fetch_seq .. ' ' .. ms .. views
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
