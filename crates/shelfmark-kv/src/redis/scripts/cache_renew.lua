-- Lets the claim KEYS[1] of ARGV[1] end in ARGV[2] ms, if it is still there, and the version KEYS[2] not before ARGV[3].
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
if redis.call('PTTL', KEYS[2]) < tonumber(ARGV[3]) then
  redis.call('PEXPIRE', KEYS[2], ARGV[3])
end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
