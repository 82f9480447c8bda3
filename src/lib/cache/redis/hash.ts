import { evalCommand } from '../../clients/redis/commands.js';
import { hashTag, slotOf, tagsOfSlots } from '../../clients/redis/slots.js';
import { toBytes, type ByteString } from '../../core/bytes.js';

/*
 * A hash replaces what was there as a whole, with its time to live, or nothing changes: it is made under a second name
 * and then renamed. The first write is HSET, which a full server refuses: had the script begun with a command that
 * needs no memory, Redis would let it continue past maxmemory. Lua passes at most about 8,000 arguments to a command.
 *
 * KEYS the key, the second name. ARGV milliseconds to live or 0, `1` to write only what does not exist, then fields and
 * values. Returns 1, 0 for a key that exists, or the error that a command met.
 */
const script = toBytes(`local k,s=KEYS[1],KEYS[2]
if ARGV[2]=='1' and redis.call('EXISTS',k)==1 then return 0 end
if redis.call('EXISTS',s)==1 then redis.call('DEL',s) end
local function try(c,...)
 local r=redis.pcall(c,...)
 if type(r)=='table' and r.err then redis.pcall('DEL',s) return redis.error_reply(r.err..' ('..c..')') end
end
local bad
for i=3,#ARGV,4000 do bad=bad or try('HSET',s,unpack(ARGV,i,math.min(i+3999,#ARGV))) end
if not bad and ARGV[1]~='0' then bad=try('PEXPIRE',s,ARGV[1]) end
return bad or try('RENAME',s,k) or 1`);

export interface HashWrite {
  key: ByteString;
  /** Fields and values alternating. */
  fields: readonly ByteString[];
  /** Milliseconds to live; 0 keeps it forever. */
  ttlMs: number;
  /** Write only a key that does not exist. */
  nx: boolean;
}

/** @returns a function that encodes the command which replaces a key by a hash; the command answers 1, 0 or an error. */
export function hashEncoder(cluster: boolean): (write: HashWrite) => string {
  let tags: string[] | undefined;
  const secondName = (key: ByteString): ByteString =>
    // Begins like the key where it can, so that a user who may touch `meter:*` only may touch it too.
    !cluster || hashTag(key) !== undefined
      ? (`${key}:metrify-new` as ByteString)
      : (`metrify:new:{${(tags ??= tagsOfSlots())[slotOf(key)]}}` as ByteString);
  return ({ key, fields, ttlMs, nx }) =>
    evalCommand(script, [key, secondName(key)], [`${ttlMs}`, nx ? '1' : '0', ...fields]);
}
