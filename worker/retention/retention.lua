-- Trim one portion of a stream: by age entries that no group needs; beyond the cap needed ones too, counting losses.
-- KEYS  stream retention          ARGV  name age_ms (-1 for ever) cap portion forced_portion (0: only entries that no group needs)
-- Gives {removed, first id or "", lost, held}: lost and held are lists, of {group, pending, undelivered} and of
-- {group, oldest entry it needs, pending, lag or -1} for groups that block trimming.
local stream, retention = KEYS[1], KEYS[2]
local name, age, cap, portion, forced = ARGV[1], tonumber(ARGV[2]), math.max(1, tonumber(ARGV[3])), tonumber(ARGV[4]), tonumber(ARGV[5])

-- Compare ids as text: their numbers may exceed Lua's exact range.
local function less(a, b)
  local ams, an = string.match(a, '^(%d+)-(%d+)$')
  local bms, bn = string.match(b, '^(%d+)-(%d+)$')
  if ams == bms then ams, bms = an, bn end
  if #ams ~= #bms then return #ams < #bms end
  return ams < bms
end
local function earlier(a, b)
  if a and b then return less(a, b) and a or b end
  return a or b
end
local function id(entries) return entries[1] and entries[1][1] end
local function fields(flat)
  local map = {}
  for i = 1, #flat, 2 do map[flat[i]] = flat[i + 1] end
  return map
end

local first = id(redis.call('XRANGE', stream, '-', '+', 'COUNT', 1))
if not first then return {0, '', {}, {}} end
local last = id(redis.call('XREVRANGE', stream, '+', '-', 'COUNT', 1))
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local old = age < 0 and '0-1' or string.format('%.0f-0', math.max(0, now - age))

local groups, needed = redis.call('XINFO', 'GROUPS', stream), nil
for i, flat in ipairs(groups) do
  local group = fields(flat)
  groups[i] = group
  local delivered = group['last-delivered-id']
  -- From the first id on: entries that were trimmed or deleted while pending stay in the list and block nothing.
  group.needs = group.pending > 0 and id(redis.call('XPENDING', stream, group.name, first, '+', 1)) or nil
  if less(delivered, last) then
    group.needs = earlier(group.needs, id(redis.call('XRANGE', stream, '(' .. delivered, '+', 'COUNT', 1)))
  end
  needed = earlier(needed, group.needs)
end

-- By age. `trimmed` is the last removed id: a group before it has missed something.
local cut = earlier(old, needed)
local gone = less(first, cut) and id(redis.call('XREVRANGE', stream, '(' .. cut, '-', 'COUNT', 1))
local removed, lost = 0, {}
if gone then
  -- Make room first: over its memory limit Redis allows a script to write only after that.
  removed = redis.call('XTRIM', stream, 'MINID', '~', cut, 'LIMIT', portion)
  -- The rest is part of one node.
  if removed == 0 then removed = redis.call('XTRIM', stream, 'MINID', cut) end
  redis.call('HSET', retention, name .. ':trimmed', gone)
end

-- Beyond the cap: first entries that no group needs, whole nodes at a time …
local excess = redis.call('XLEN', stream) - cap
if removed == 0 and excess > 0 and (not needed or less(first, needed)) then
  local all = '18446744073709551615-18446744073709551615'
  removed = redis.call('XTRIM', stream, 'MINID', '~', needed or all, 'LIMIT', math.min(portion, excess))
  if removed > 0 then
    local ms, number = string.match(id(redis.call('XRANGE', stream, '-', '+', 'COUNT', 1)) or last, '^(%d+)-(%d+)$')
    -- The exact id isn't known; the greatest id before the next entry serves as well.
    gone = number == '0' and string.format('%.0f', ms - 1) .. '-18446744073709551615'
      or ms .. '-' .. string.format('%.0f', number - 1)
    redis.call('HSET', retention, name .. ':trimmed', gone)
  end
end

-- … then the oldest, one by one, counting the losses of each group.
if removed == 0 and excess > 0 and forced > 0 then
  local entries = redis.call('XRANGE', stream, '-', '+', 'COUNT', math.min(forced, excess) + 1)
  local kept = table.remove(entries)[1]
  gone = entries[#entries][1]
  for _, group in ipairs(groups) do
    local undelivered = 0
    for _, entry in ipairs(entries) do
      if less(group['last-delivered-id'], entry[1]) then undelivered = undelivered + 1 end
    end
    local pending = group.pending > 0 and #redis.call('XPENDING', stream, group.name, first, gone, #entries) or 0
    if pending + undelivered > 0 then lost[#lost + 1] = {group.name, pending, undelivered} end
  end
  removed = redis.call('XTRIM', stream, 'MINID', kept)
  redis.call('HSET', retention, name .. ':trimmed', gone)
  for _, of in ipairs(lost) do redis.call('HINCRBY', retention, name .. ':lost:' .. of[1], of[2] + of[3]) end
end
if removed > 0 then redis.call('HINCRBY', retention, name .. ':removed', removed) end

local held = {}
if removed == 0 then
  for _, group in ipairs(groups) do
    if group.needs and less(group.needs, old) then
      held[#held + 1] = {group.name, group.needs, group.pending, group.lag or -1}
    end
  end
end
return {removed, id(redis.call('XRANGE', stream, '-', '+', 'COUNT', 1)) or '', lost, held}
