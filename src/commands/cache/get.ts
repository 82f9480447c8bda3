import { fromBytes, toBytes } from '../../lib/core/bytes.js';
import type { StoredValue } from '../../lib/cache/bulk-level.js';
import { UserError } from '../../lib/core/errors.js';
import { readCommand } from '../../runtime/command.js';
import { levelFlag, memcachedServers, hazelcastUrl, postgresUrl, redisUrl } from './shared/flags.js';
import { openLevel } from './shared/open-level.js';

interface Result {
  key: string;
  level: string;
  found: boolean;
  /** A hash is an object of its fields. */
  value?: string | Record<string, string>;
  /** Set instead of `value` when the bytes are no UTF-8. */
  valueBase64?: string;
  bytes?: number;
  /** -1: never expires. */
  ttlMs?: number;
}

export const get = readCommand({
  name: 'cache get',
  summary: 'print the value of one key; exit 3 when there is none',
  args: { key: { help: 'the key', required: true } },
  flags: { level: levelFlag, redisUrl, memcachedServers, hazelcastUrl, postgresUrl },
  examples: [
    { does: 'a value, to a pipe', command: 'metrify cache get meter:17:latest | jq .kwh' },
    { does: 'with its time to live', command: 'metrify cache get meter:17:latest --json' },
  ],

  async read({ key, level: name }, context) {
    const level = await openLevel(name, context);
    const bytes = toBytes(key);
    const [value] = await level.read([bytes], context.signal);
    if (value === null || value === undefined) {
      context.warn(`${level.name} at ${level.target} has no key '${key}'`);
      const result: Result = { key, level: level.name, found: false };
      return { verdict: 'failed', result };
    }
    if (Array.isArray(value) && value.length === 0)
      throw new UserError(`'${key}' is neither a string nor a hash`, {
        code: 'WRONG_TYPE',
        hint: 'cache get shows strings and hashes; redis-cli shows the rest.',
      });
    const size = typeof value === 'string' ? value.length : value.reduce((sum, part) => sum + part.length, 0);
    const result: Result = {
      key,
      level: level.name,
      found: true,
      ...present(value),
      bytes: size,
      ttlMs: await level.ttl(bytes, context.signal),
    };
    return { verdict: 'ok', result };
  },

  present({ value, valueBase64 }, printer) {
    if (valueBase64 !== undefined) printer.line(valueBase64);
    else if (typeof value === 'string') printer.line(value);
    else if (value) printer.facts(Object.entries(value));
  },
});

function present(value: StoredValue): Pick<Result, 'value' | 'valueBase64'> {
  if (typeof value !== 'string') {
    const fields: Record<string, string> = {};
    for (let i = 0; i < value.length; i += 2) fields[fromBytes(value[i]!)] = fromBytes(value[i + 1]!);
    return { value: fields };
  }
  const raw = Buffer.from(value, 'latin1');
  const text = raw.toString('utf8');
  return Buffer.from(text, 'utf8').equals(raw) ? { value: text } : { valueBase64: raw.toString('base64') };
}
