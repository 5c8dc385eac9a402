-- Deletes a counter and answers it; what is no counter stays.
local count = redis.call('GET', KEYS[1])
if not count then
  return '0'
end
if count ~= '0' and not (#count <= 20 and string.match(count, '^%-?[1-9]%d*$')) then
  return redis.error_reply('NOTANUMBER the value is no counter')
end
redis.call('DEL', KEYS[1])
return count
