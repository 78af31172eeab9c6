-- Read token records of one partition, and only the facts that are not known already.
-- KEYS  sound, then the records; the name of an authorization ends the key of its record
-- Gives the issuers that occur, then for each record: 0 without a pair; the number of its issuer if its ciphertexts are
--       those that `sound` names; else {the same number, digest, pair, ciphers, previous}. A missing field is "".
-- The end of a ciphertext is that of its HMAC, which tells it from any other.
local issuers, numbers, found = {}, {}, {}
for i = 2, #KEYS do
  local r = redis.call('HMGET', KEYS[i], 'issuer', 'pair', 'ciphers', 'previous')
  local issuer, pair, ciphers, previous = r[1] or '', r[2], r[3] or '', r[4] or ''
  if not pair then
    found[i] = 0
  else
    if not numbers[issuer] then
      issuers[#issuers + 1] = issuer
      numbers[issuer] = #issuers
    end
    local digest = string.sub(pair, -18) .. string.sub(ciphers, -18) .. string.sub(previous, -18)
    if redis.call('HGET', KEYS[1], string.match(KEYS[i], '[^:]*$')) == digest then
      found[i] = numbers[issuer]
    else
      found[i] = {numbers[issuer], digest, pair, ciphers, previous}
    end
  end
end
found[1] = issuers
return found
