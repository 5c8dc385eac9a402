-- Stores what was computed for a claim. KEYS: the entry, the version of its key, the claim.
-- ARGV: the version and the claim as they were, the entry, its ms, and the least ms that the version is kept.
-- Answers 0 when the key was evicted since, and then changes nothing.
if redis.call('GET', KEYS[2]) ~= ARGV[1] then
  return 0
end
redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[4])
if redis.call('PTTL', KEYS[2]) < tonumber(ARGV[5]) then
  redis.call('PEXPIRE', KEYS[2], ARGV[5])
end
if redis.call('GET', KEYS[3]) == ARGV[2] then
  redis.call('DEL', KEYS[3])
end
return 1
