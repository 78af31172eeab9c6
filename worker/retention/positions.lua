-- Read the positions of a partition's streams: of those alone that may have entries to remove.
-- KEYS  retention, then the streams          ARGV  for each stream name age_ms rare_age_ms cap thins
--       Ages are -1 for ever. Where thins is 1, thin.lua removes the most frequent type by age_ms; rare_age_ms is the age
--       of the others, and of all events elsewhere.
-- Gives now_ms, then for each stream {} or {entries, first id, first id that thin.lua has not looked at or "",
--   {group, first unread id or "", first unacknowledged id or "", pending, lag or -1}…}
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local answer = {string.format('%.0f', now)}

local function id(entries) return entries[1] and entries[1][1] or '' end
local function is_old(entry, age) return age >= 0 and entry ~= '' and tonumber(string.match(entry, '^%d+')) < now - age end

for i = 2, #KEYS do
  local stream, at = KEYS[i], 5 * (i - 2)
  local name, age, rare_age, cap = ARGV[at + 1], tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3]), tonumber(ARGV[at + 4])
  local length, found = redis.call('XLEN', stream), {}
  local first, unseen = id(redis.call('XRANGE', stream, '-', '+', 'COUNT', 1)), ''
  if ARGV[at + 5] == '1' and first ~= '' then
    local thinned = redis.call('HGET', KEYS[1], name .. ':thinned')
    unseen = thinned and id(redis.call('XRANGE', stream, '(' .. thinned, '+', 'COUNT', 1)) or first
  end
  if length > cap or is_old(first, rare_age) or is_old(unseen, age) then
    found = {length, first, unseen}
    for _, flat in ipairs(redis.call('XINFO', 'GROUPS', stream)) do
      local group = {}
      for j = 1, #flat, 2 do group[flat[j]] = flat[j + 1] end
      -- From the first id on: entries that were trimmed or deleted while pending stay in the list and block nothing.
      local pending = group.pending > 0 and id(redis.call('XPENDING', stream, group.name, first, '+', 1)) or ''
      local last = group['last-delivered-id']
      local unread = last ~= '18446744073709551615-18446744073709551615'
        and id(redis.call('XRANGE', stream, '(' .. last, '+', 'COUNT', 1)) or ''
      found[#found + 1] = {group.name, unread, pending, group.pending, group.lag or -1}
    end
  end
  answer[#answer + 1] = found
end
return answer
