-- The items from ARGV[1] to ARGV[2], unless they are more than ARGV[3].
local length = redis.call('LLEN', KEYS[1])
local first, last = tonumber(ARGV[1]), tonumber(ARGV[2])
if first < 0 then first = first + length end
if last < 0 then last = last + length end
first = math.max(first, 0)
last = math.min(last, length - 1)
if last - first + 1 > tonumber(ARGV[3]) then
  return redis.error_reply('TOOMANY items')
end
return redis.call('LRANGE', KEYS[1], ARGV[1], ARGV[2])
