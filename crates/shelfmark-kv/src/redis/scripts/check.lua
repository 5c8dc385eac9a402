-- The formula of gcra.rs. ARGV: interval in us, burst, cost, and the time in us, which is the server's when it is empty.
local interval, burst, cost = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local now = tonumber(ARGV[4])
-- A test's time may stand still while the server's goes on.
local spare_ms = 600000
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000000 + time[2]
  spare_ms = 0
end
local window = interval * burst
local state = redis.call('GET', KEYS[1])
if state then
  state = tonumber(state)
  if not state then
    return redis.error_reply('NOTANUMBER the value is no state of a rate limit')
  end
end
local full_at = math.min(math.max(state or now, now), now + window)
local moved = full_at + interval * cost
local wait = moved - window - now
local allowed = 0
if wait <= 0 then
  allowed = 1
  full_at = moved
  local ttl = math.ceil((moved - now) / 1000) + spare_ms
  redis.call('SET', KEYS[1], string.format('%.0f', moved), 'PX', string.format('%.0f', ttl))
end
local reset = full_at - now
return {allowed, math.floor((window - reset) / interval), math.max(wait, 0), reset}
