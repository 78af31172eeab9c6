-- Functions of the scripts that remove entries.

-- Compare ids as text: their numbers may exceed Lua's exact range.
local function less(a, b)
  local ams, an = string.match(a, '^(%d+)-(%d+)$')
  local bms, bn = string.match(b, '^(%d+)-(%d+)$')
  if ams == bms then ams, bms = an, bn end
  if #ams ~= #bms then return #ams < #bms end
  return ams < bms
end
local function fields(flat)
  local map = {}
  for i = 1, #flat, 2 do map[flat[i]] = flat[i + 1] end
  return map
end
-- Add removed entries and losses to the hash of `retention`; `lost` is a list of {group, pending, undelivered}.
local function count_losses(retention, name, removed, lost)
  for _, of in ipairs(lost) do redis.call('HINCRBY', retention, name .. ':lost:' .. of[1], of[2] + of[3]) end
  if removed > 0 then redis.call('HINCRBY', retention, name .. ':removed', removed) end
end
