-- Lets the lease of the receipt ARGV[1] end in ARGV[2] us, if that is still the one that counts.
if not redis.call('ZSCORE', KEYS[2], ARGV[1]) then
  return 0
end
local time = redis.call('TIME')
redis.call('ZADD', KEYS[2], time[1] * 1000000 + time[2] + ARGV[2], ARGV[1])
return 1
