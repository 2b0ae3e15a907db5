-- The registry: one hash with the epoch counter, and for each living epoch its instance (i:) and renewals (r:).

-- What every caller learns: the last epoch issued, then epoch, instance and renewals of each living one, and the
-- maxima that processes share, by name.
local function registry(key)
  local counter, living, maxima = '0', {}, {}
  local fields = redis.call('HGETALL', key)
  local renewals = {}
  for i = 1, #fields, 2 do
    if string.sub(fields[i], 1, 2) == 'r:' then renewals[string.sub(fields[i], 3)] = fields[i + 1] end
  end
  for i = 1, #fields, 2 do
    local field, value = fields[i], fields[i + 1]
    local kind, name = string.match(field, '^(%a+):?(.*)$')
    if kind == 'counter' then
      counter = value
    elseif kind == 'i' then
      living[#living + 1] = name
      living[#living + 1] = value
      living[#living + 1] = renewals[name]
    elseif kind == 'max' then
      maxima[#maxima + 1] = name
      maxima[#maxima + 1] = value
    end
  end
  return { counter, living, maxima }
end

local function remove(key, epoch)
  redis.call('HDEL', key, 'i:' .. epoch, 'r:' .. epoch)
end
