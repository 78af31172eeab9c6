-- Move a group's position on a partition and settle its pending entries, for the partition's owner alone.
-- KEYS  lease stream dead
-- ARGV  operation token group consumer, then:
--   open     position "start"|"restore", then pairs id, deliveries   create the group if it is missing
--   recover  from count                  make a page of all members' pending entries this consumer's
--   read     count                       read the next new entries
--   settle   n, n ids, then pairs id, deliveries   acknowledge the ids; set the others' delivery counts
--   bury     id maxlen, then fields      move the entry to the group's dead stream
--   release                              give the lease back
-- Returns nil if the lease isn't held under this token, "gone" if the group is missing, else see below.
local lease, stream, dead = KEYS[1], KEYS[2], KEYS[3]
local operation, group, consumer = ARGV[1], ARGV[3], ARGV[4]
local held = redis.call('GET', lease) or ''
if string.sub(held, 1, #ARGV[2] + 1) ~= ARGV[2] .. ' ' then return false end

local function table_of(flat)
  local named = {}
  for i = 1, #flat, 2 do named[flat[i]] = flat[i + 1] end
  return named
end

local function after(a, b)
  local a_ms, a_n = string.match(a, '^(%d+)-?(%d*)$')
  local b_ms, b_n = string.match(b, '^(%d+)-?(%d*)$')
  if a_ms ~= b_ms then return tonumber(a_ms) > tonumber(b_ms) end
  return (tonumber(a_n) or 0) > (tonumber(b_n) or 0)
end

local function the_group()
  if redis.call('TYPE', stream).ok ~= 'stream' then return nil end
  for _, each in ipairs(redis.call('XINFO', 'GROUPS', stream)) do
    local info = table_of(each)
    if info.name == group then return info end
  end
end

local function forget_consumers(own)
  for _, each in ipairs(redis.call('XINFO', 'CONSUMERS', stream, group)) do
    local info = table_of(each)
    if info.pending == 0 and (info.name == consumer) == own then
      redis.call('XGROUP', 'DELCONSUMER', stream, group, info.name)
    end
  end
end

local known = the_group()

if operation == 'release' then
  if known then forget_consumers(true) end
  return redis.call('DEL', lease)
end

if operation == 'open' then
  if not known then
    local position = ARGV[5]
    redis.call('XGROUP', 'CREATE', stream, group, position, 'MKSTREAM')
    local info = table_of(redis.call('XINFO', 'STREAM', stream))
    if ARGV[6] == 'restore' and after(position, info['last-generated-id']) then
      -- The stream was deleted and created again: all of its entries are unread.
      position = '0-0'
      redis.call('XGROUP', 'SETID', stream, group, position)
    end
    -- Set the number of entries before the position, so that a loss can be counted. Redis 6.2 counts no entries.
    local added, first, last = info['entries-added'], info['first-entry'], info['last-generated-id']
    if added and (not first or position == '$' or position == last) then
      redis.call('XGROUP', 'SETID', stream, group, position, 'ENTRIESREAD', added)
    elseif added and after(first[1], position) then
      redis.call('XGROUP', 'SETID', stream, group, position, 'ENTRIESREAD', added - info.length)
    end
  end
  for i = 7, #ARGV, 2 do
    redis.call('XCLAIM', stream, group, consumer, 0, ARGV[i], 'RETRYCOUNT', ARGV[i + 1], 'FORCE', 'JUSTID')
  end
  return the_group()['last-delivered-id']
end

if not known then return 'gone' end

if operation == 'recover' then
  -- Returns {id, deliveries, fields}…; fields are nil for an entry that was trimmed while pending, and is dropped.
  local page = redis.call('XPENDING', stream, group, ARGV[5], '+', ARGV[6])
  local found = {}
  for i, each in ipairs(page) do
    local id, deliveries = each[1], each[4]
    local entry = redis.call('XRANGE', stream, id, id)[1]
    if entry then
      -- JUSTID, since a takeover is no delivery.
      redis.call('XCLAIM', stream, group, consumer, 0, id, 'JUSTID')
    else
      redis.call('XACK', stream, group, id)
    end
    found[i] = {id, deliveries, entry and entry[2] or false}
  end
  if #page < tonumber(ARGV[6]) then forget_consumers(false) end
  return found
end

if operation == 'read' then
  -- Returns {entries lost before the next one, last delivered id before and now, {id, fields}…}.
  local info = table_of(redis.call('XINFO', 'STREAM', stream))
  local position, read = known['last-delivered-id'], known['entries-read']
  local added, first = info['entries-added'], info['first-entry']
  local lost = 0
  if added and read and (not first or after(first[1], position)) then
    lost = added - info.length - read
    -- Redis doesn't correct its own count after entries were trimmed unread, so its lag would stay wrong for ever.
    if lost > 0 then redis.call('XGROUP', 'SETID', stream, group, position, 'ENTRIESREAD', read + lost) end
  end
  local got = redis.call('XREADGROUP', 'GROUP', group, consumer, 'COUNT', ARGV[5], 'STREAMS', stream, '>')
  local entries = got and got[1][2] or {}
  if #entries > 0 then position = entries[#entries][1] end
  return {math.max(lost, 0), known['last-delivered-id'], position, entries}
end

if operation == 'settle' then
  local n = tonumber(ARGV[5])
  if n > 0 then redis.call('XACK', stream, group, unpack(ARGV, 6, 5 + n)) end
  for i = 6 + n, #ARGV, 2 do
    redis.call('XCLAIM', stream, group, consumer, 0, ARGV[i], 'RETRYCOUNT', ARGV[i + 1], 'JUSTID')
  end
  return 1
end

if operation == 'bury' then
  redis.call('XADD', dead, 'MAXLEN', '~', ARGV[6], '*', unpack(ARGV, 7))
  redis.call('XACK', stream, group, ARGV[5])
  return 1
end

return redis.error_reply('unknown operation ' .. operation)
