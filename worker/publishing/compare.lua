-- Find the answers that differ from the state. Unchanged and older ones are settled here, without sending their data.
-- KEYS  state lease claimed tries asked backlog
-- ARGV  fence ("" without a claim) view, then per product: id as claimed ("" releases none), id, digest,
--       `fetch_seq seen_ms sent_ms answered_ms`
-- Gives {now_ms, then per product: "" unchanged | "stale": older than the state | "late": the same, but the state
-- is another view's, so its id stays claimed | {mark, state}: to be compared}; {"fenced"} if another drain took over.
-- See worker/publishing/marks.py for marks and worker/order.py for the order.
local state, lease, claimed, tries, asked = unpack(KEYS)
local fence, view = ARGV[1], ARGV[2]
if fence ~= '' and redis.call('HGET', lease, 'fence') ~= fence then return {'fenced'} end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local function later(a, b) return tonumber(a) > tonumber(b) and a or b end
-- The latest call, the last look, the views, and the first ms, last ms and view of the call of the span.
local function read(mark)
  local number, seen_ms, views, of_call, sent, answered, by =
    string.match(mark, '^(%d+) (%d+)(.-) t=(%d+):(%d+):(%d+):(.)$')
  if of_call and of_call == number then return number, seen_ms, views, sent, answered, by end
  -- A version without spans has written it, or one with other parts.
  number, seen_ms, views = string.match(mark, '^(%d+) (%d+)(.*)$')
  of_call, sent, answered, by = string.match(views, ' t=(%d+):(%d+):(%d+):(.)')
  if of_call ~= number then sent, answered, by = seen_ms, seen_ms, '-' end
  return number, seen_ms, (string.gsub(views, ' t=[^ ]*', '')), sent, answered, by
end

local fields = {}
for i = 4, #ARGV, 4 do fields[i / 4] = 'd:' .. ARGV[i] end
local marks = redis.call('HMGET', state, unpack(fields))

local answer, settled, seen, current, s, n = {now}, {}, {}, {}, 0, 0
for k, mark in ipairs(marks) do
  local asked_as, id, digest, moments = unpack(ARGV, 4 * k - 1, 4 * k + 2)
  local done, field = true, fields[k]
  mark = current[field] or mark -- a product may come twice
  if not mark then
    answer[k + 1], done = {'', ''}, false
  else
    local number, seen_ms, views, known_sent, known_answered, by = read(mark)
    local fetch_seq, ms, sent, answered = string.match(moments, '^(%d+) (%d+) (%d+) (%d+)$')
    -- The answer is here, so its moment has passed. A mark ahead of the clock is another clock's.
    if tonumber(answered) > now then answered = string.format('%.0f', now) end
    local left = tonumber(sent)
    if left > now then sent, left = answered, tonumber(answered) end
    local known = tonumber(known_answered)
    local newer = known > now or left > known
    local older = not newer and tonumber(answered) < tonumber(known_sent)
    local mine = ' ' .. view .. '=' .. digest
    local from, to = 1, #mine + 1
    if views ~= mine then from, to = string.find(views .. ' ', mine .. ' ', 1, true) end
    if from and older then
      answer[k + 1] = ''
    elseif older then
      if by == 'd' or by == view then
        answer[k + 1] = 'stale'
      else
        answer[k + 1], done = 'late', false
      end
    elseif from then
      answer[k + 1] = ''
      local whole = view
      if not newer then
        if by ~= view then whole = '-' end
        fetch_seq, ms = later(fetch_seq, number), later(ms, seen_ms)
        sent, answered = later(sent, known_sent), later(answered, known_answered)
      end
      current[field] = fetch_seq .. ' ' .. ms .. mine .. string.sub(views, 1, from - 1) .. string.sub(views, to) .. ' t=' ..
        fetch_seq .. ':' .. sent .. ':' .. answered .. ':' .. whole
      seen[n + 1], seen[n + 2] = field, current[field]
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
if fence ~= '' and s > 0 then release(claimed, tries, asked, KEYS[6], settled) end
return answer
