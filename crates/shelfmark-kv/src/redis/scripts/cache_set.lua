-- Stores a value whatever there was. KEYS: the entry, the version of its key, the claim.
-- ARGV: the entry, the fresh version that it carries, its ms, and the ms of the version.
-- Whatever is being computed is of the old version, and so never stored. Answers 0 when a writer has blocked the key.
local version = redis.call('GET', KEYS[2])
if version and #version ~= 16 then
  return 0
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[3])
redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[4])
redis.call('DEL', KEYS[3])
return 1
