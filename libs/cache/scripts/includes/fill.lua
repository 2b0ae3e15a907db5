--- @include "snapshot"
--- @include "line"
-- What a FILL finds, of each call: the time, the line, its living holders, the state, ms to the end of the value or ''.
local epoch, instance, now, line, live, found, expires_in

local function answer(granted)
  local json = redis.call('HGET', KEYS[1], 'v')
  local round_open = #line.pending > 0 and '1' or ''
  return { exact(now), 'value', json, exact(line.version), expires_in, found, granted, round_open }
end

-- Answers what there is to say where no value can be.
local function look()
  epoch, instance = ARGV[4], ARGV[5]
  now, line = micros(), load_line(KEYS[1])
  if not line.present then return { exact(now), 'absent' } end
  if is_expired(line) then return { exact(now), 'expired', exact(line.version) } end
  live = without_void(line.holders, epoch, instance, 0, parse_snapshot(ARGV[3]))
  found = state_of(live, line.owner)
  expires_in = line.expires and exact(line.expires - millis()) or ''
end
