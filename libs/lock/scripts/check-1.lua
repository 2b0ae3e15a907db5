#!lua flags=allow-oom
-- CHECK: a step, and what has become of the caller's places: the remedy for messages that were lost.
-- KEYS[1] lock; the names of its other keys follow from it
-- ARGV[1] what the caller says of itself (`context_of`)
-- ARGV[2] floor of the fencing token
-- ARGV[3..] owners
-- Answers { step, { state, .. } } of each owner: q queued, the token of an offer or grant, or - for a place that is gone
--- @include "snapshot"
--- @include "lock"
--- @include "tell"
--- @include "step"
local function run()
  begin()
  local more = step()
  local states = {}
  for i = 3, #ARGV do
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
