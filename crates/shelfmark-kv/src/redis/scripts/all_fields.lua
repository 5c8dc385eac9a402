-- All of a hash, unless it has more than ARGV[1] fields.
if redis.call('HLEN', KEYS[1]) > tonumber(ARGV[1]) then
  return redis.error_reply('TOOMANY fields')
end
return redis.call('HGETALL', KEYS[1])
