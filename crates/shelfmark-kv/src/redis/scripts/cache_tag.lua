-- Answers the version of a tag, KEYS[1], made of ARGV[1] when there is none, and sees to it that it lives for ARGV[2] ms
-- at least. It is given ARGV[3] ms then, which are more, so that not every call writes.
local version = redis.call('GET', KEYS[1])
if not version then
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[3])
  return ARGV[1]
end
-- A writer's block ends by itself.
if #version == 16 and redis.call('PTTL', KEYS[1]) < tonumber(ARGV[2]) then
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
end
return version
