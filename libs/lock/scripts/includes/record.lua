-- The record of one lock: where it is, what is in it, and what is given out by it. Nothing is written before everything a
-- script needs was read and decoded.
-- Records are `fresh` at first, in a hash of the bucket, and then need no entry in an index. A lock has a key of its own
-- when it is spread (lock.lua), or was moved out of there since there are too many (`settle`).
--- @include "index"
-- Of each call.
local NAME, FLOOR, OFFER_MS, GRANTS, CHANNEL, CALLER, BUCKET
-- Of each call, and the same table for all of them, which is quicker than a new one.
local lock = {}

-- The keys of a bucket, by what the keys of its locks begin with.
local buckets = {}
local function bucket_of(begins)
  local bucket = buckets[begins]
  if bucket then return bucket end
  local prefix, tag = string.match(begins, '^(.*):lk:({.*}):$')
  local function key(kind) return prefix .. ':' .. kind .. ':' .. tag end
  bucket = {
    begins = begins, holds = key('h') .. ':', deadlines = key('d') .. ':', queue = key('q') .. ':', places = key('w') .. ':',
    watchers = key('wt') .. ':', names = key('n'), owners = key('o'), due = key('due'), fresh = key('f'),
  }
  buckets[begins] = bucket
  return bucket
end

-- Another key of the lock: holds, deadlines, queue, places or watchers.
local function key_of(kind) return BUCKET[kind] .. NAME end

-- Looks for the record of the lock.
local function find_record()
  local _, tag = string.find(KEYS[1], '}:', 1, true)
  NAME, BUCKET = string.sub(KEYS[1], tag + 1), bucket_of(string.sub(KEYS[1], 1, tag))
  local text = redis.call('HGET', BUCKET.fresh, NAME)
  lock.fresh = text and true
  if not text then text = redis.call('GET', KEYS[1]) end
  lock.own = not lock.fresh and text and true
  return text
end

-- What is fresh has no key that would have expired.
local function unless_over(over, ...)
  if over > millis() then return ... end
end

-- A record has these, packed, after the time when it is over; that is by Redis's clock, and others are in lock time. What
-- follows `call` is left out where it is as at the beginning.
local function load_lock(text)
  local token, last, mode, sole, held, deadline, lease, call
  local ticket, seq, offset, watch, alarm, spread, armed, head, waits, back
  if text then
    token, last, mode, sole, held, deadline, lease, call,
      ticket, seq, offset, watch, alarm, spread, armed, head, waits, back = unless_over(cmsgpack.unpack(text))
  end
  lock.due = nil
  lock.token, lock.mode = token or 0, mode or ''
  lock.sole, lock.sole_mode, lock.held, lock.deadline, lock.lease, lock.call = sole, mode, held, deadline, lease, call
  lock.ticket, lock.seq, lock.offset = ticket or 0, seq or 0, offset or 0
  lock.watch, lock.alarm = watch or 0, alarm or 0
  lock.spread, lock.armed, lock.head, lock.waits, lock.back = spread, armed or 0, head or '', waits or 0, back or 0
  -- How many hold it, those whose deadline passed included, and how many are queued: kept up to date by whatever adds or
  -- removes one.
  if spread then
    lock.holds, lock.queue = redis.call('ZCARD', key_of('deadlines')), redis.call('ZCARD', key_of('queue'))
  else
    lock.holds, lock.queue = sole and 1 or 0, 0
  end
  -- Lock time never goes back: a clock that was set back raises the offset instead.
  lock.now = millis() + lock.offset
  if last and lock.now < last then
    lock.now = last
    lock.offset = last - millis()
  end
end

-- The text of how long a key lives, which is seldom another than at the call before.
local life_ms, life
local function text_of_life(ms)
  if ms ~= life_ms then life_ms, life = ms, exact(ms) end
  return life
end

-- Keeps the lock for so many ms. Of a free one of which nothing is to be remembered there is no record.
local function save_record(ms)
  local over, text = millis() + ms, nil
  if lock.spread or lock.ticket > 0 or lock.seq > 0 or lock.offset ~= 0 or lock.watch > 0 then
    text = cmsgpack.pack(
      over, lock.token, lock.now, lock.mode, lock.sole, lock.held, lock.deadline, lock.lease, lock.call,
      lock.ticket, lock.seq, lock.offset, lock.watch, lock.alarm, lock.spread, lock.armed, lock.head, lock.waits, lock.back)
  elseif lock.sole then
    text = cmsgpack.pack(
      over, lock.token, lock.now, lock.mode, lock.sole, lock.held, lock.deadline, lock.lease, lock.call)
  end
  local apart = lock.own or lock.spread
  if text and not apart then return put_fresh(BUCKET, NAME, text, over) end
  if lock.fresh then redis.call('HDEL', BUCKET.fresh, NAME) end
  if text then
    redis.call('SET', KEYS[1], text, 'PX', text_of_life(ms))
  elseif lock.own then
    redis.call('DEL', KEYS[1])
  end
end

-- The highest token that this script has given to any lock: a clock that is set back a little may find the last holder's
-- key gone. What this misses (a restart of Redis), the nodes' floor has.
local highest = 0
local function token_above(former)
  highest = math.max(former, FLOOR, micros(), highest) + 1
  return highest
end

local function next_token()
  lock.token = token_above(lock.token)
  return lock.token
end

-- The short ways of most calls, without all that a lock can be. That of an acquire where there is no record: the lock is
-- free, and nobody waits for it or watches it. Answers the token.
local function take_free(owner, mode, lease, call)
  local token, now = token_above(0), millis()
  local till = now + lease
  local over = till + KEEP_MS
  put_fresh(BUCKET, NAME, cmsgpack.pack(over, token, now, mode, owner, token, till, lease, call), over)
  return token
end

-- That of a release of a fresh record by the one holder, with nothing to be remembered. Answers nothing if it is not that
-- or he believes otherwise, else mode and token.
local function give_back(text, owner, believed_mode, believed_token)
  local _, _, last, mode, sole, held, deadline, _, _, more = cmsgpack.unpack(text)
  if more or sole ~= owner or deadline <= millis() or last > millis() then return nil end
  if believed_mode ~= '' and believed_mode ~= mode then return nil end
  if believed_token ~= '' and tonumber(believed_token) ~= held then return nil end
  redis.call('HDEL', BUCKET.fresh, NAME)
  return mode, held
end

local function next_ticket()
  lock.ticket = math.max(lock.ticket + 1, micros())
  return lock.ticket
end
