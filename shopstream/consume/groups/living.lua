-- Count the living members of groups.
-- KEYS  members of each group
-- Gives the number of each, in this order.
local time, counts = redis.call('TIME'), {}
local now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
for i, members in ipairs(KEYS) do counts[i] = redis.call('ZCOUNT', members, now, '+inf') end
return counts
