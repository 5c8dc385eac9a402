-- Takes the lock KEYS[1] for ARGV[1], for ARGV[2] ms. The token in KEYS[2] is the time in us, or one more than the last:
-- it grows also when the server has lost its data.
if redis.call('EXISTS', KEYS[1]) == 1 then
  return false
end
local time = redis.call('TIME')
local last = tonumber(redis.call('GET', KEYS[2]) or '0')
local token = string.format('%.0f', math.max(last + 1, time[1] * 1000000 + time[2]))
redis.call('SET', KEYS[2], token)
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return token
