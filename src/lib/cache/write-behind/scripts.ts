import { Script } from '../../clients/redis/script.js';

/*
 * What happens to a partition in one step. Every script runs on keys of one hash tag. Those of the worker check its
 * lease, all of them may be repeated, and times are the server's own.
 */

/**
 * Begins a script that must work where memory is full, or a full queue could not be drained: Redis lets one that has
 * written continue, and this write needs no memory. @param key number of one of its keys that never expires.
 */
const evenWhenFull = (key: number) => `redis.call('PERSIST', KEYS[${key}])`;

/**
 * KEYS counter, stream, pending; ARGV what to do (it begins with the operation id), key, row, more fields and values.
 * @returns [id, number].
 */
export const enqueue = new Script(`local call, keys, args = redis.call, KEYS, ARGV
local n = call('INCR', keys[1])
local id = call('XADD', keys[2], '*', 'n', n, 'do', args[1], 'key', args[2], 'row', args[3], unpack(args, 4))
call('HSET', keys[3], args[2], 'S' .. id)
return {id, n}`);

/**
 * The same for a call that may have been carried out already: an entry with that operation id which still waits is
 * found (from the newest back to ARGV[1], at most 20,000) and left as it is. Otherwise it is queued again, marked,
 * because the worker may have applied the first one, and later writes of the key after it.
 * KEYS counter, stream, pending; ARGV oldest id, then as above.  @returns [id, number, 1 when it was found].
 */
export const enqueueAgain = new Script(`local to, seen = '+', 0
while seen < 20000 do
  local list = redis.call('XREVRANGE', KEYS[2], to, ARGV[1], 'COUNT', 500)
  for _, entry in ipairs(list) do
    local op, n
    for i = 1, #entry[2], 2 do
      if entry[2][i] == 'do' then op = entry[2][i + 1] elseif entry[2][i] == 'n' then n = entry[2][i + 1] end
    end
    if op and string.sub(op, 1, 36) == string.sub(ARGV[2], 1, 36) then
      redis.call('INCRBY', KEYS[1], 0) -- a write, so that a WAIT after it covers the entry
      return {entry[1], tonumber(n), 1}
    end
  end
  if #list < 500 then break end
  seen = seen + 500
  to = '(' .. list[#list][1]
end
local n = redis.call('INCR', KEYS[1])
local id = redis.call('XADD', KEYS[2], '*', 'n', n, 'again', 1, 'do', ARGV[2], 'key', ARGV[3], 'row', ARGV[4], unpack(ARGV, 5))
redis.call('HSET', KEYS[3], ARGV[3], 'S' .. id)
return {id, n, 0}`);

/** KEYS pending, stream, retry, dead; ARGV key. @returns false, or [stream's letter, id, fields (empty: it is gone)]. */
export const findPending = new Script(`local at = redis.call('HGET', KEYS[1], ARGV[1])
if not at then return false end
local place, id = string.sub(at, 1, 1), string.sub(at, 2)
local list = redis.call('XRANGE', place == 'S' and KEYS[2] or place == 'R' and KEYS[3] or KEYS[4], id, id)
return {place, id, list[1] and list[1][2] or {}}`);

/**
 * KEYS lease, token; ARGV holder, milliseconds, least token. @returns the token, or the milliseconds for which somebody
 * else holds it as a negative number.
 */
export const acquire = new Script(`local held = redis.call('GET', KEYS[1])
if held then
  local token, holder = string.match(held, '^(%d+) (.*)$')
  if holder ~= ARGV[1] then return -math.max(1, redis.call('PTTL', KEYS[1])) end
  if tonumber(token) >= tonumber(ARGV[3]) then
    redis.call('PEXPIRE', KEYS[1], ARGV[2])
    return tonumber(token)
  end
end
${evenWhenFull(2)}
local token = redis.call('INCR', KEYS[2])
if token < tonumber(ARGV[3]) then
  token = tonumber(ARGV[3])
  redis.call('SET', KEYS[2], ARGV[3])
end
redis.call('SET', KEYS[1], string.format('%d', token) .. ' ' .. ARGV[1], 'PX', ARGV[2])
return token`);

/** KEYS lease; ARGV lease, milliseconds. @returns 0 when it is lost. */
export const renew = new Script(`if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])`);

/** KEYS lease; ARGV lease. */
export const release = new Script(`if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])`);

/**
 * What comes next where keys are held back. KEYS lease, retry, stream, blocked, counter, progress; ARGV lease, count.
 * @returns false without the lease; [letter, entries, flags: 1 where the key is held, counter, done].
 */
export const fetchHeld = new Script(`if redis.call('GET', KEYS[1]) ~= ARGV[1] then return false end
local from, list = 'R', redis.call('XRANGE', KEYS[2], '-', '+', 'COUNT', ARGV[2])
if #list == 0 then from, list = 'S', redis.call('XRANGE', KEYS[3], '-', '+', 'COUNT', ARGV[2]) end
local flags = {}
for i, entry in ipairs(list) do
  flags[i] = 0
  for f = 1, #entry[2], 2 do
    if entry[2][f] == 'key' then flags[i] = redis.call('HEXISTS', KEYS[4], entry[2][f + 1]) break end
  end
end
return {from, list, flags, redis.call('GET', KEYS[5]), redis.call('HGET', KEYS[6], 'done')}`);

/**
 * Applied and committed: the stream from its beginning up to an entry, all of it. That entry must still be there, so
 * that nothing else can be before it (a failover may have put another history in its place). KEYS stream, pending,
 * progress; ARGV last id, its operation id, highest number, then keys, then for each `S` and its last id.
 * @returns 0 when the entry is not there: then `acknowledge` does it one by one.
 */
export const acknowledgeUpTo =
  new Script(`local entry, known = redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[1])[1], false
if not entry then return 0 end
for i = 1, #entry[2], 2 do
  if entry[2][i] == 'do' then known = string.sub(entry[2][i + 1], 1, 36) == ARGV[2] end
end
if not known then return 0 end
redis.call('XTRIM', KEYS[1], 'MINID', '=', ARGV[1])
redis.call('XDEL', KEYS[1], ARGV[1])
local count = (#ARGV - 3) / 2
for i = 4, 3 + count, 4000 do
  local last = math.min(i + 3999, 3 + count)
  local found, gone = redis.call('HMGET', KEYS[2], unpack(ARGV, i, last)), {}
  for j = 1, #found do
    if found[j] == ARGV[i + j - 1 + count] then gone[#gone + 1] = ARGV[i + j - 1] end
  end
  if #gone == #found then redis.call('HDEL', KEYS[2], unpack(ARGV, i, last))
  elseif #gone > 0 then redis.call('HDEL', KEYS[2], unpack(gone)) end
end
if tonumber(redis.call('HGET', KEYS[3], 'done') or 0) < tonumber(ARGV[3]) then
  redis.call('HSET', KEYS[3], 'done', ARGV[3])
end
return 1`);

/**
 * Applied and committed: gone from the queue, whoever holds the lease by now. KEYS source, pending, progress; ARGV
 * source's letter, highest number (or ''), count, ids, then pairs of a key and the place of its last entry.
 */
export const acknowledge = new Script(`local ids, keys, at = {}, {}, {}
local count = tonumber(ARGV[3])
for i = 4, 3 + count do ids[i - 3] = ARGV[i] end
for i = 1, #ids, 4000 do redis.call('XDEL', KEYS[1], unpack(ids, i, math.min(i + 3999, #ids))) end
for i = 4 + count, #ARGV, 2 do
  keys[#keys + 1] = ARGV[i]
  at[#at + 1] = ARGV[i + 1]
end
for i = 1, #keys, 4000 do
  local last = math.min(i + 3999, #keys)
  local found, gone = redis.call('HMGET', KEYS[2], unpack(keys, i, last)), {}
  for j = 1, #found do
    if found[j] == at[i + j - 1] then gone[#gone + 1] = keys[i + j - 1] end
  end
  if #gone > 0 then redis.call('HDEL', KEYS[2], unpack(gone)) end
end
if ARGV[2] ~= '' and tonumber(redis.call('HGET', KEYS[3], 'done') or 0) < tonumber(ARGV[2]) then
  redis.call('HSET', KEYS[3], 'done', ARGV[2])
end
return 1`);

/**
 * To the dead letters, with the reason; an entry without a reason only follows one that is there, and stays where it
 * is when its key was released meanwhile. KEYS source, dead, blocked, pending, held, progress, lease; ARGV lease,
 * source's letter, highest number (or ''), then id, key, reason of each in order. @returns how many, or false.
 */
export const bury = new Script(`if redis.call('GET', KEYS[7]) ~= ARGV[1] then return false end
${evenWhenFull(1)}
local moved = 0
for i = 4, #ARGV, 3 do
  local id, key, reason = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  local entry = redis.call('XRANGE', KEYS[1], id, id)[1]
  if entry and (reason ~= '' or redis.call('HEXISTS', KEYS[3], key) == 1) then
    local fields, origin = {}, id
    for f = 1, #entry[2], 2 do
      local name, value = entry[2][f], entry[2][f + 1]
      if name == 'origin' then origin = value
      elseif name ~= 'reason' then fields[#fields + 1] = name fields[#fields + 1] = value end
    end
    local at = redis.call('XADD', KEYS[2], '*', 'origin', origin, 'reason', reason, unpack(fields))
    redis.call('XDEL', KEYS[1], id)
    redis.call('RPUSH', KEYS[5] .. key, at)
    redis.call('HINCRBY', KEYS[3], key, 1)
    if redis.call('HGET', KEYS[4], key) == ARGV[2] .. id then redis.call('HSET', KEYS[4], key, 'D' .. at) end
    moved = moved + 1
  end
end
if ARGV[3] ~= '' and tonumber(redis.call('HGET', KEYS[6], 'done') or 0) < tonumber(ARGV[3]) then
  redis.call('HSET', KEYS[6], 'done', ARGV[3])
end
return moved`);

/**
 * Lets a key continue. KEYS dead, retry, blocked, pending, held; ARGV key, id in dead of the poison entry to drop, or ''.
 * Nothing happens where that is not the poison entry any more. The whole key moves in one step, so that its order
 * stays. @returns [moved to retry, dropped].
 */
export const letGo = new Script(`${evenWhenFull(1)}
local list = KEYS[5] .. ARGV[1]
local ids, moved, dropped = redis.call('LRANGE', list, 0, -1), 0, 0
if ARGV[2] ~= '' and ARGV[2] ~= ids[1] then return {0, 0} end
for _, id in ipairs(ids) do
  local entry = redis.call('XRANGE', KEYS[1], id, id)[1]
  local latest = redis.call('HGET', KEYS[4], ARGV[1]) == 'D' .. id
  if entry and id == ARGV[2] then
    dropped = 1
    if latest then redis.call('HDEL', KEYS[4], ARGV[1]) end
  elseif entry then
    local at = redis.call('XADD', KEYS[2], '*', unpack(entry[2]))
    if latest then redis.call('HSET', KEYS[4], ARGV[1], 'R' .. at) end
    moved = moved + 1
  end
  redis.call('XDEL', KEYS[1], id)
end
redis.call('DEL', list)
redis.call('HDEL', KEYS[3], ARGV[1])
return {moved, dropped}`);

/**
 * Entries are missing, and count once: afterwards `done` is past them. KEYS lease, progress, counter; ARGV lease, how
 * many, number up to which it is known.
 */
export const noteLoss = new Script(`if redis.call('GET', KEYS[1]) ~= ARGV[1] then return false end
${evenWhenFull(2)}
if tonumber(redis.call('HGET', KEYS[2], 'done') or 0) < tonumber(ARGV[3]) then
  redis.call('HINCRBY', KEYS[2], 'lost', ARGV[2])
  redis.call('HSET', KEYS[2], 'done', ARGV[3])
end
if tonumber(redis.call('GET', KEYS[3]) or 0) < tonumber(ARGV[3]) then redis.call('SET', KEYS[3], ARGV[3]) end
return 1`);

/** Keys whose latest entry is nowhere: KEYS pending, stream, retry, dead; ARGV pairs of a key and its place. @returns those keys. */
export const forgetMissing = new Script(`local gone = {}
for i = 1, #ARGV, 2 do
  local at = ARGV[i + 1]
  local place, id = string.sub(at, 1, 1), string.sub(at, 2)
  local list = redis.call('XRANGE', place == 'S' and KEYS[2] or place == 'R' and KEYS[3] or KEYS[4], id, id)
  if #list == 0 and redis.call('HGET', KEYS[1], ARGV[i]) == at then
    redis.call('HDEL', KEYS[1], ARGV[i])
    gone[#gone + 1] = ARGV[i]
  end
end
return gone`);

/**
 * Which of these entries are neither in the queue nor taken from it: an entry that was taken has a number up to
 * `done`; where the numbers themselves went back, `done` says nothing beyond `counter`.
 * KEYS stream, retry, dead, progress, counter; ARGV triples of id, number, operation id.
 */
export const findLost = new Script(`local done = tonumber(redis.call('HGET', KEYS[4], 'done') or 0)
local counter = tonumber(redis.call('GET', KEYS[5]) or 0)
local lost = {}
for i = 1, #ARGV, 3 do
  local n = tonumber(ARGV[i + 1])
  if n > done or n > counter then
    local entry = redis.call('XRANGE', KEYS[1], ARGV[i], ARGV[i])[1]
    local there = false
    if entry then
      for f = 1, #entry[2], 2 do
        if entry[2][f] == 'do' then there = string.sub(entry[2][f + 1], 1, 36) == ARGV[i + 2] break end
      end
    end
    if not there then lost[#lost + 1] = i end
  end
end
return lost`);
