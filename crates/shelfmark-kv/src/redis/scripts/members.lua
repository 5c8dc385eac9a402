-- All of a set, unless it has more than ARGV[1] members.
if redis.call('SCARD', KEYS[1]) > tonumber(ARGV[1]) then
  return redis.error_reply('TOOMANY members')
end
return redis.call('SMEMBERS', KEYS[1])
