#!lua flags=allow-oom
-- CHECK: a step, and what has become of the caller's places: the remedy for messages that were lost.
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
-- ARGV[7..] owners
-- Answers { time, wake, more, expired, { state, .. } } of each owner: q queued, the token of an offer or grant, or - for a place that is gone
--- @include "snapshot"
--- @include "lock"
--- @include "tell"
--- @include "step"
local function run()
  begin()
  local more = step()
  local states = {}
  for i = 7, #ARGV do
    local place = place_of(ARGV[i])
    local state = '-'
    if place then
      for _, instance in ipairs(place.instances) do
        if instance.id == CALLER then state = place.state == 'q' and 'q' or hold_of(ARGV[i]).token end
      end
    end
    states[#states + 1] = state
  end
  return finish(more, states)
end
