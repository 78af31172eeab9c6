-- Read token records of one partition, and only the facts that are not known already.
-- KEYS  sound, then the records         ARGV  the names of their authorizations, in the same order
-- Gives for each: {} without a pair; {issuer} if its ciphertexts are those that `sound` names; else
--       {issuer, digest, pair, ciphers, previous}. A missing field is "".
local found = {}
for i = 1, #ARGV do
  local r = redis.call('HMGET', KEYS[i + 1], 'issuer', 'pair', 'ciphers', 'previous')
  local issuer, pair, ciphers, previous = r[1] or '', r[2], r[3] or '', r[4] or ''
  if not pair then
    found[i] = {}
  else
    local digest = string.sub(redis.sha1hex(pair .. ' ' .. ciphers .. ' ' .. previous), 1, 16)
    if redis.call('HGET', KEYS[1], ARGV[i]) == digest then
      found[i] = {issuer}
    else
      found[i] = {issuer, digest, pair, ciphers, previous}
    end
  end
end
return found
