#!lua flags=allow-oom
-- FORCE: ends holds whoever has them, some at a time; nothing is handed on before the last. Offers end too; their waiters
-- return under their tickets.
-- KEYS[1] lock; the names of its other keys follow from it
-- ARGV[1] what the caller says of itself (`context_of`)
-- ARGV[2] floor of the fencing token
-- ARGV[3] most that are ended
-- ARGV[4] token above which a hold was granted after the force began, or empty at its beginning
-- Answers { step, number of holds ended, that token, 1 if some are left }
--- @include "snapshot"
--- @include "lock"
--- @include "tell"
--- @include "step"
local function run()
  begin()
  local most = tonumber(ARGV[3])
  local bound = tonumber(ARGV[4]) or lock.token
  local owners = owners_of(most)
  local ended, spared = 0, 0
  for i = 1, #owners, 2 do
    local owner = owners[i]
    local hold, place = hold_of(owner), place_of(owner)
    if hold.token > bound then
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
  local left = #owners == 2 * most and spared < most
  return finish(not left and step(), ended, bound, left and 1 or 0)
end
