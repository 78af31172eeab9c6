-- Keep counts by period of time in a string: the time of its newest period, then a slot a period. Begins other scripts.
-- shopstream/glance/rings.py reads it.
local SLOT = 12        -- bytes: two u32 and one u16 that are added to, and one u16 that is set
local EMPTY = string.rep('\0', SLOT)

local function read(ring, slot)
  return struct.unpack('>I4I4I2I2', ring, 5 + SLOT * slot)
end

-- Add to the slot of a period. Slots between the last one and this one are emptied.
local function add(ring, slots, period, a, b, c, d)
  local last = period
  if ring and #ring == 4 + slots * SLOT then
    last = struct.unpack('>I4', ring)
    period = math.max(period, last)
  else
    ring = struct.pack('>I4', period) .. string.rep(EMPTY, slots)
  end
  if period - last >= slots then
    ring = struct.pack('>I4', period) .. string.rep(EMPTY, slots)
  else
    for p = last + 1, period do
      local at = 4 + SLOT * (p % slots)
      ring = string.sub(ring, 1, at) .. EMPTY .. string.sub(ring, at + SLOT + 1)
    end
  end
  local e, f, g = read(ring, period % slots)
  local at = 4 + SLOT * (period % slots)
  local slot = struct.pack('>I4I4I2I2', math.min(a + e, 4294967295), math.min(b + f, 4294967295),
    math.min(c + g, 65535), math.min(d, 65535))
  return struct.pack('>I4', period) .. string.sub(ring, 5, at) .. slot .. string.sub(ring, at + SLOT + 1)
end

-- Sum the slots of the last `count` periods.
local function sum(ring, slots, period, count)
  local a, b, c = 0, 0, 0
  if ring and #ring == 4 + slots * SLOT then
    local last = struct.unpack('>I4', ring)
    for p = math.max(period - count + 1, last - slots + 1, 0), math.min(period, last) do
      local e, f, g = read(ring, p % slots)
      a, b, c = a + e, b + f, c + g
    end
  end
  return a, b, c
end
