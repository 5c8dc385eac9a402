-- Lets the lock KEYS[1] of ARGV[1] end in ARGV[2] ms, if it still has it.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
