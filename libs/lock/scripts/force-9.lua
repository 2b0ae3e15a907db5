#!lua flags=allow-oom
-- FORCE: ends holds whoever has them, some at a time; nothing is handed on before the last. Offers end too; their waiters
-- return under their tickets.
-- KEYS[1] lock
-- KEYS[2] its holds
-- KEYS[3] its deadlines
-- KEYS[4] its queue
-- KEYS[5] its places
-- KEYS[6] its watchers
-- KEYS[7] names of the bucket
-- KEYS[8] owners of the bucket
-- KEYS[9] when entries of the bucket are over
-- ARGV[1] name
-- ARGV[2] floor of the fencing token
-- ARGV[3] snapshot of the registry
-- ARGV[4] ms for which an offer stands; negative if nothing may be granted yet, since holds may have been lost
-- ARGV[5] beginning of a channel name; the instance follows
-- ARGV[6] instance of the caller
-- ARGV[7] most that are ended
-- ARGV[8] token above which a hold was granted after the force began, or empty at its beginning
-- Answers { time, wake, more, expired, number of holds ended, that token, 1 if some are left }
--- @include "snapshot"
--- @include "lock"
--- @include "tell"
--- @include "step"
local function run()
  begin()
  local most = tonumber(ARGV[7])
  local bound = ARGV[8] == '' and exact(lock.token) or ARGV[8]
  local owners = redis.call('ZRANGE', KEYS[3], 0, most - 1)
  local ended, spared = 0, 0
  for _, owner in ipairs(owners) do
    local hold, place = hold_of(owner), place_of(owner)
    if tonumber(hold.token) > tonumber(bound) then
      spared = spared + 1
    else
      local own = is_own(hold)
      if own then ended = ended + 1 end
      if not hold.confirmed and hold.was then
        if not own then expired = expired + 1 end
        event(own and 'released' or 'expired', owner, 's', hold.was.token)
      end
      hold.was, lock.back = nil, 0
      if place and place.state == 'o' then
        place.state = 'q'
        drop_hold(owner, place)
        put_place(owner, place, nil)
      else
        end_hold(owner, hold, hold.deadline > lock.now and 'released' or 'expired')
      end
    end
  end
  local left = #owners == most and spared < most
  return finish(not left and step(), ended, bound, left and 1 or 0)
end
