-- Find what groups of a stream have not read.
-- KEYS  stream          ARGV  most, then for each group its last delivered id and 1 to count its unread entries, else 0
-- Gives {entries of the stream, first id or "", then for each group {first unread id or "", unread entries up to most}}.
-- The second number is 1 at most for a group that is not to be counted.
local stream, most = KEYS[1], ARGV[1]
local first = redis.call('XRANGE', stream, '-', '+', 'COUNT', 1)[1]
local answer = {redis.call('XLEN', stream), first and first[1] or ''}
for i = 2, #ARGV, 2 do
  local unread = redis.call('XRANGE', stream, '(' .. ARGV[i], '+', 'COUNT', ARGV[i + 1] == '1' and most or 1)
  answer[#answer + 1] = {unread[1] and unread[1][1] or '', #unread}
end
return answer
