-- Remove one portion of a stream's oldest entries: those before `aged`; beyond the cap those before `spare`; then those
-- before `expired` and what is still beyond the cap, counting the losses of each group.
-- KEYS  stream retention          ARGV  name aged spare expired cap portion forced_portion (0: none that a group needs)
-- Gives {removed, first id or "", lost}; lost is a list of {group, pending, undelivered}.
local stream, retention = KEYS[1], KEYS[2]
local name, aged, spare, expired, cap = ARGV[1], ARGV[2], ARGV[3], ARGV[4], math.max(1, tonumber(ARGV[5]))
local portion, forced = tonumber(ARGV[6]), tonumber(ARGV[7])

local function id(entries) return entries[1] and entries[1][1] end

local first = id(redis.call('XRANGE', stream, '-', '+', 'COUNT', 1))
if not first then return {0, '', {}} end
local last = id(redis.call('XREVRANGE', stream, '+', '-', 'COUNT', 1))

-- By age. `trimmed` is the last removed id: a group before it has missed something.
local gone = less(first, aged) and id(redis.call('XREVRANGE', stream, '(' .. aged, '-', 'COUNT', 1))
local removed, lost = 0, {}
if gone then
  -- Make room first: over its memory limit Redis allows a script to write only after that.
  removed = redis.call('XTRIM', stream, 'MINID', '~', aged, 'LIMIT', portion)
  -- The rest is part of one node.
  if removed == 0 then removed = redis.call('XTRIM', stream, 'MINID', aged) end
  redis.call('HSET', retention, name .. ':trimmed', gone)
end

-- Beyond the cap: first entries that no group needs, whole nodes at a time …
local excess = redis.call('XLEN', stream) - cap
if removed == 0 and excess > 0 and less(first, spare) then
  removed = redis.call('XTRIM', stream, 'MINID', '~', spare, 'LIMIT', math.min(portion, excess))
  if removed > 0 then
    local ms, number = string.match(id(redis.call('XRANGE', stream, '-', '+', 'COUNT', 1)) or last, '^(%d+)-(%d+)$')
    -- The exact id isn't known; the greatest id before the next entry serves as well.
    gone = number == '0' and string.format('%.0f', ms - 1) .. '-18446744073709551615'
      or ms .. '-' .. string.format('%.0f', number - 1)
    redis.call('HSET', retention, name .. ':trimmed', gone)
  end
end

-- … then the oldest, one by one, counting the losses of each group.
if removed == 0 and forced > 0 and (excess > 0 or less(first, expired)) then
  local entries = redis.call('XRANGE', stream, '-', '+', 'COUNT', forced + 1)
  local count = 0
  while count < math.min(forced, #entries) and (count < excess or less(entries[count + 1][1], expired)) do
    count = count + 1
  end
  local kept = id({entries[count + 1]})
  gone = entries[count][1]
  for _, flat in ipairs(redis.call('XINFO', 'GROUPS', stream)) do
    local group, undelivered = fields(flat), 0
    for i = 1, count do
      if less(group['last-delivered-id'], entries[i][1]) then undelivered = undelivered + 1 end
    end
    local pending = group.pending > 0 and #redis.call('XPENDING', stream, group.name, first, gone, count) or 0
    if pending + undelivered > 0 then lost[#lost + 1] = {group.name, pending, undelivered} end
  end
  removed = kept and redis.call('XTRIM', stream, 'MINID', kept) or redis.call('XTRIM', stream, 'MAXLEN', 0)
  redis.call('HSET', retention, name .. ':trimmed', gone)
end
count_losses(retention, name, removed, lost)
return {removed, id(redis.call('XRANGE', stream, '-', '+', 'COUNT', 1)) or '', lost}
