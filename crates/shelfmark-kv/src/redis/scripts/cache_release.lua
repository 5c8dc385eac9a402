-- Ends the claim KEYS[1] if it has the token ARGV[1], at whatever version of the key it was got.
local claim = redis.call('GET', KEYS[1])
if not claim or string.sub(claim, 17) ~= ARGV[1] then
  return 0
end
return redis.call('DEL', KEYS[1])
