-- Release ids of a claim that are settled. The scripts behind this file use it.
local function release(claimed, tries, asked, backlog, ids)
  redis.call('ZREM', claimed, unpack(ids))
  redis.call('HDEL', tries, unpack(ids))
  -- An id that was requested again meanwhile keeps its newer reason.
  local again = redis.call('ZMSCORE', backlog, unpack(ids))
  local over = {}
  for i, id in ipairs(ids) do
    if not again[i] then over[#over + 1] = id end
  end
  if #over > 0 then redis.call('HDEL', asked, unpack(over)) end
end

