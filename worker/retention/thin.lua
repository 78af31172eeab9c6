-- Remove one portion of a stream's entries of one type, oldest first, and leave those of other types between them. The
-- losses of each group are counted.
-- KEYS  stream retention          ARGV  name type until most portion
--       until: entries before this id are looked at; most: entries removed at most; portion: entries looked at
-- Gives {looked at, removed, first id or "", lost}; lost is a list of {group, pending, undelivered}.
-- The field `NAME:thinned` has the id up to which none of the type is left, so that no entry is looked at twice.
local stream, retention = KEYS[1], KEYS[2]
local name, kind, bound, most, portion = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])

local thinned = redis.call('HGET', retention, name .. ':thinned')
local page = redis.call('XRANGE', stream, thinned and '(' .. thinned or '-', '(' .. bound, 'COUNT', portion)
local ids, looked = {}, 0
for i, entry in ipairs(page) do
  if #ids == most then break end
  looked = i
  if fields(entry[2]).type == kind then ids[#ids + 1] = entry[1] end
end
if looked == 0 then return {0, 0, '', {}} end

local lost = {}
if #ids > 0 then
  for _, flat in ipairs(redis.call('XINFO', 'GROUPS', stream)) do
    local group, undelivered, pending = fields(flat), 0, 0
    for _, id in ipairs(ids) do
      if less(group['last-delivered-id'], id) then undelivered = undelivered + 1 end
    end
    -- Acknowledged for the group: a deleted entry among others would block trimming until a consumer recovers it.
    if group.pending > 0 then pending = redis.call('XACK', stream, group.name, unpack(ids)) end
    if pending + undelivered > 0 then lost[#lost + 1] = {group.name, pending, undelivered} end
  end
  redis.call('XDEL', stream, unpack(ids))
end
-- Over its memory limit Redis allows a script to write only after a removal: without one this waits for room.
local noted = redis.pcall('HSET', retention, name .. ':thinned', page[looked][1])
if type(noted) == 'table' then return {0, 0, '', {}} end
count_losses(retention, name, #ids, lost)
local first = redis.call('XRANGE', stream, '-', '+', 'COUNT', 1)[1]
return {looked, #ids, first and first[1] or '', lost}
