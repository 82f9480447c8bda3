import { Script } from '../../clients/redis/script.js';
import { versionsOutliveMs } from '../keyed-level.js';

/*
 * KEYS: the value, its record (see record.ts). ARGV: value, time to live in ms (0: none), the record's times, then
 * what each script needs. Versions are compared as decimal numbers without leading zeros: Lua's own numbers have
 * 53 bits.
 */
const common = `
local record = redis.call('GET', KEYS[2])
local version, count, known = '0', 0, '1'
if record then version, count, known = string.match(record, '^(%d+) (%d+) ([01])') end
local function newer(a, b)
  if #a ~= #b then return #a > #b end
  return a > b
end
local function note(v, flag, times, ttl)
  local text = v .. ' ' .. string.format('%d', tonumber(count) + 1) .. ' ' .. flag .. ' ' .. times
  if ttl == nil then redis.call('SET', KEYS[2], text)
  else redis.call('SET', KEYS[2], text, 'PX', string.format('%d', tonumber(ttl) + ${versionsOutliveMs})) end
end
local function put(v, flag)
  if ARGV[2] == '0' then
    redis.call('SET', KEYS[1], ARGV[1])
    note(v, flag, ARGV[3], nil)
  else
    redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
    note(v, flag, ARGV[3], ARGV[2])
  end
  return 1
end
local function drop(v, flag)
  redis.call('DEL', KEYS[1])
  note(v, flag, '0 0 0', 0)
end
`;

const script = (text: string): Script => new Script(`${common}${text}`);

/** ARGV 4: lease, 5: `1` to replace, 6: the value's version where it is known, else empty. */
export const fillScript = script(`
if (record or '') ~= ARGV[4] then return 0 end
if ARGV[5] == '0' and redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
if ARGV[6] == '' then return put(version, '0') end
if newer(version, ARGV[6]) then return 0 end
return put(ARGV[6], '1')
`);

/** ARGV 4: version or empty, 5: lease, 6: \`1\` when there is a lease. */
export const setScript = script(`
if ARGV[4] == '' then return put(version, '0') end
if not newer(ARGV[4], version) then return 0 end
local sure = (record or '') == ARGV[5]
if ARGV[6] == '0' then sure = not record end
if sure or (record and known == '1') then return put(ARGV[4], '1') end
-- What was there has been seen: writes as old as this one stay unsure of it.
drop(ARGV[4], '0')
return 0
`);

/** ARGV 1: version or empty. */
export const removeScript = script(`
if ARGV[1] == '' then drop(version, '0') return 1 end
if newer(version, ARGV[1]) then return 0 end
drop(ARGV[1], known)
return 1
`);
