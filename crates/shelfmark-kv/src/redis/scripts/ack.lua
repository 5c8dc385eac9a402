-- Forgets the item of the receipt ARGV[1], if that is still the one that counts.
if redis.call('ZREM', KEYS[2], ARGV[1]) == 0 then
  return 0
end
redis.call('HDEL', KEYS[3], 'i' .. ARGV[1], 'n' .. ARGV[1])
return 1
