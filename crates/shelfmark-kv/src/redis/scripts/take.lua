-- Takes an item: one whose lease has ended, else the first of the list KEYS[1]. KEYS[2] has receipts by the end of their
-- lease, KEYS[3] the items and how often they were handed out. ARGV: the new receipt, the lease in us.
-- What may fail for lack of memory comes before what removes, since a script is not undone.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local back_in = -1
local first = redis.call('ZRANGE', KEYS[2], 0, 0, 'WITHSCORES')
if first[1] then
  back_in = tonumber(first[2]) - now
  if back_in <= 0 then
    local item = redis.call('HGET', KEYS[3], 'i' .. first[1])
    local deliveries = tonumber(redis.call('HGET', KEYS[3], 'n' .. first[1]) or '0') + 1
    redis.call('HSET', KEYS[3], 'i' .. ARGV[1], item, 'n' .. ARGV[1], deliveries)
    redis.call('ZADD', KEYS[2], now + ARGV[2], ARGV[1])
    redis.call('ZREM', KEYS[2], first[1])
    redis.call('HDEL', KEYS[3], 'i' .. first[1], 'n' .. first[1])
    return {item, deliveries}
  end
end
local item = redis.call('LINDEX', KEYS[1], 0)
if not item then
  return {false, back_in}
end
redis.call('HSET', KEYS[3], 'i' .. ARGV[1], item, 'n' .. ARGV[1], 1)
redis.call('ZADD', KEYS[2], now + ARGV[2], ARGV[1])
redis.call('LPOP', KEYS[1])
return {item, 1}
