-- Claims the computing of a value. KEYS: the entry, the version of its key, the claim.
-- ARGV: the id of an entry that was seen and is not taken, a fresh version, a token, the ms of the claim, and the least
-- ms that the version is kept.
-- Answers 'claimed' with the version, 'changed' when there is another entry by now, 'elsewhere' when somebody else
-- computes it, or 'blocked' with what a writer has put in the version's place.
local version = redis.call('GET', KEYS[2])
if version and #version ~= 16 then
  return {'blocked', version}
end
if version then
  local head = redis.call('GETRANGE', KEYS[1], 0, 24)
  if string.sub(head, 1, 17) == '\1' .. version and string.sub(head, 18) ~= ARGV[1] then
    return {'changed', ''}
  end
  local claim = redis.call('GET', KEYS[3])
  -- A claim from before an eviction counts for nothing.
  if claim and string.sub(claim, 1, 16) == version then
    return {'elsewhere', ''}
  end
end
if not version then
  version = ARGV[2]
  redis.call('SET', KEYS[2], version, 'PX', ARGV[5])
elseif redis.call('PTTL', KEYS[2]) < tonumber(ARGV[5]) then
  redis.call('PEXPIRE', KEYS[2], ARGV[5])
end
redis.call('SET', KEYS[3], version .. ARGV[3], 'PX', ARGV[4])
return {'claimed', version}
