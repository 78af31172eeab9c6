-- Close a partition for good: a text in the place of `due` makes each request and each notification fail, whichever program sends it.
-- KEYS  due kept        ARGV  the text
-- Gives 1; 0 if it is closed already. `kept` has the members.
if redis.call('TYPE', KEYS[1]).ok == 'string' then return 0 end
if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('RENAME', KEYS[1], KEYS[2]) end
redis.call('SET', KEYS[1], ARGV[1])
return 1
