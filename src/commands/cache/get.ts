import type { BulkLevel } from '../../lib/cache/bulk-level.js';
import { keyText, readKey } from '../../lib/cache/key-text.js';
import { type ByteString, fromBytes, toBytes } from '../../lib/core/bytes.js';
import { UserError } from '../../lib/core/errors.js';
import { readCommand } from '../../runtime/command.js';
import type { Context } from '../../runtime/context.js';
import { toJson } from '../../runtime/escape.js';
import { levelFlag, memcachedServers, hazelcastUrl, postgresUrl, redisUrl } from './shared/flags.js';
import { openLevel } from './shared/open-level.js';

/** A string's bytes, or the names and values of a hash in turn. */
type Stored = ByteString | ByteString[];

interface Found {
  /** In the text that the verb takes. */
  key: string;
  bytes: number;
  /** -1: never expires. */
  ttlMs: number;
  /** A hash is an object of its fields. */
  value?: string | Record<string, string>;
  /** Set instead of `value` when bytes are not UTF-8; of a hash, its names and values in pairs. */
  valueBase64?: string | [name: string, value: string][];
}

type Result =
  | ({ key: string; level: string; found: boolean } & Partial<Omit<Found, 'key'>>)
  | {
      level: string;
      /** With ndjson they are the lines. */
      values?: Found[];
      missing: string[];
    };

export const get = readCommand({
  name: 'cache get',
  summary: 'print the values of keys; exit 3 when one is missing',
  synonyms: ['read', 'cat'],
  description:
    'Of one key, its bytes as they are; no newline is added, so that a pipe or file holds the value and nothing else. Of ' +
    'a Redis hash, a JSON object of its fields. Of several keys, a JSON line each, with `value`, or with `valueBase64` ' +
    'where the bytes are not UTF-8. On a terminal, control characters are shown as \\x1b.',
  args: { key: { help: 'one key or more', required: true, many: true } },
  flags: { level: levelFlag, redisUrl, memcachedServers, hazelcastUrl, postgresUrl },
  stdout: 'data',
  examples: [
    { does: 'a value, to a pipe', command: 'metrify cache get meter:17:latest | jq .kwh' },
    { does: 'copied as it is', command: 'metrify cache get report:today | metrify cache set report:copy -' },
    { does: 'with its time to live', command: 'metrify cache get meter:17:latest --json' },
    { does: 'several, a line each', command: 'metrify cache get meter:17:latest meter:18:latest' },
  ],

  async read({ key: given, level: name }, context) {
    const wanted = given.map(readKey);
    const keys = wanted.map(keyText);
    const level = await openLevel(name, context);
    const stored = (await level.read(wanted, context.signal)).map((value) => value ?? null);
    stored.forEach((value, i) => refuseOtherTypes(keys[i]!, value));
    const missing = keys.filter((_, i) => stored[i] === null);
    for (const key of missing) context.warn(`${level.name} at ${level.target} has no key '${key}'`);
    const verdict = missing.length === 0 ? 'ok' : 'failed';

    const [key, only] = [keys[0]!, stored[0]!];
    if (keys.length === 1 && context.output === 'text') {
      if (only !== null) await context.data!.write(rawOf(only));
      return { verdict, result: { key, level: level.name, found: only !== null } as Result };
    }
    const values: Found[] = [];
    for (const [i, value] of stored.entries())
      if (value !== null) values.push(await describe(wanted[i]!, value, level, context));
    if (context.data) {
      for (const value of values) if (!(await context.data.write(`${toJson(value)}\n`))) break;
      return { verdict, result: { level: level.name, missing } as Result };
    }
    if (keys.length > 1) return { verdict, result: { level: level.name, values, missing } as Result };
    return { verdict, result: { key, level: level.name, found: values.length > 0, ...values[0] } as Result };
  },

  /** Values are data, and what is missing is a warning. */
  present() {},
});

function refuseOtherTypes(key: string, value: Stored | null): void {
  if (Array.isArray(value) && value.length === 0)
    throw new UserError(`'${key}' is neither a string nor a hash`, {
      code: 'WRONG_TYPE',
      hint: 'cache get shows strings and hashes; redis-cli shows the rest.',
    });
}

function rawOf(value: Stored): Uint8Array | string {
  return typeof value === 'string' ? Buffer.from(value, 'latin1') : toJson(objectOf(value));
}

async function describe(
  key: ByteString,
  value: Stored,
  level: BulkLevel,
  { signal }: Context,
): Promise<Found> {
  const bytes = typeof value === 'string' ? value.length : value.reduce((sum, part) => sum + part.length, 0);
  return { key: keyText(key), ...textOf(value), bytes, ttlMs: await level.ttl(key, signal) };
}

function textOf(value: Stored): Pick<Found, 'value' | 'valueBase64'> {
  if (typeof value === 'string')
    return isText(value) ? { value: fromBytes(value) } : { valueBase64: base64(value) };
  if (value.every(isText)) return { value: objectOf(value) };
  return { valueBase64: pairsOf(value).map(([field, content]) => [base64(field), base64(content)]) };
}

function objectOf(hash: ByteString[]): Record<string, string> {
  return Object.fromEntries(pairsOf(hash).map(([field, content]) => [fromBytes(field), fromBytes(content)]));
}

function pairsOf(hash: ByteString[]): [field: ByteString, content: ByteString][] {
  return Array.from({ length: hash.length / 2 }, (_, i) => [hash[2 * i]!, hash[2 * i + 1]!]);
}

function isText(bytes: ByteString): boolean {
  return toBytes(fromBytes(bytes)) === bytes;
}

function base64(bytes: ByteString): string {
  return Buffer.from(bytes, 'latin1').toString('base64');
}
