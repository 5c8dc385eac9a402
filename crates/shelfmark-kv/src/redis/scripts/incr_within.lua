-- Counts up, and lets a counter that did not exist end after ARGV[2] ms. The answer is text: Lua's numbers are doubles.
local was_there = redis.call('EXISTS', KEYS[1])
redis.call('INCRBY', KEYS[1], ARGV[1])
if was_there == 0 then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return redis.call('GET', KEYS[1])
