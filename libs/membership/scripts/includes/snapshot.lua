-- A snapshot is what a process knew of the registry: "<counter> <epoch>:<instance> <epoch>:<instance> ..". An old one
-- only delays: what it does not know to be dead counts as alive. It seldom changes from call to call, so the last one is
-- kept.
local last_text, last_snapshot
local function parse_snapshot(text)
  if text == last_text then return last_snapshot end
  local snapshot = { counter = 0, epochs = {}, instances = {} }
  for word in string.gmatch(text, '%S+') do
    local epoch, instance = string.match(word, '^(%d+):(.+)$')
    if epoch then
      snapshot.epochs[epoch] = true
      snapshot.instances[instance] = true
    else
      snapshot.counter = tonumber(word)
    end
  end
  last_text, last_snapshot = text, snapshot
  return snapshot
end

-- Epoch e is dead if and only if e <= the counter and e is not in the registry. `epoch` is its decimal text.
local function snapshot_dead_epoch(snapshot, epoch)
  return tonumber(epoch) <= snapshot.counter and not snapshot.epochs[epoch]
end

-- An instance is dead for what it did in `epoch` if the snapshot is not older than that and no epoch of it lives.
local function snapshot_dead_instance(snapshot, instance, epoch)
  return tonumber(epoch) <= snapshot.counter and not snapshot.instances[instance]
end
