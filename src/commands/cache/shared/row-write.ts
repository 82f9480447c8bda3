import { openRead } from '../../../lib/cache/multi-level/open.js';
import { text } from '../../../lib/cache/multi-level/codec.js';
import type { LevelSettings } from '../../../lib/cache/settings.js';
import { keyText } from '../../../lib/cache/key-text.js';
import { checkedRow } from '../../../lib/cache/write-behind/checked-row.js';
import type { Operation } from '../../../lib/cache/write-behind/types.js';
import { requireSystem } from '../../../lib/clients/systems.js';
import { bytesOf, fromBytes, toBytes, type ByteString } from '../../../lib/core/bytes.js';
import { errorMessage, systemCode, UserError } from '../../../lib/core/errors.js';
import { eachMember, memberText, stringText } from '../../../lib/sources/json-members.js';
import type { Context } from '../../../runtime/context.js';
import type { Settings } from '../../../runtime/settings.js';
import { openLevel } from './open-level.js';

/** A row that `cache set` takes to the database as well. */
export interface RowWrite {
  mode: 'write-through' | 'write-behind';
  settings: Settings;
  /** Those that get the value. */
  levels: LevelSettings[];
  table: string;
  operation: Operation;
  /** UTF-8, as all keys of the library. */
  key: string;
  json: string;
}

interface RowInput {
  writeThrough: boolean;
  writeBehind: boolean;
  table: string | undefined;
  operation: Operation | undefined;
  level: string | undefined;
  key: ByteString;
  value: ByteString;
}

/** @throws UserError exit 2 when the flags or the row make no sense together. */
export function planRow(settings: Settings, chosen: LevelSettings, input: RowInput): RowWrite | undefined {
  const { writeThrough, writeBehind, table, operation = 'upsert' } = input;
  if (writeThrough && writeBehind)
    throw new UserError('--write-through and --write-behind exclude each other');
  const mode = writeThrough ? 'write-through' : 'write-behind';
  if (!writeThrough && !writeBehind) {
    if (table === undefined && input.operation === undefined) return undefined;
    throw new UserError(
      `--${table === undefined ? 'operation' : 'table'} is given, but nothing says how to write it`,
      { hint: 'Add --write-behind or --write-through.' },
    );
  }
  if (table === undefined)
    throw new UserError(`--${mode} writes a row, but no table is given`, { hint: 'Add --table NAME.' });
  requireSystem(settings, writeBehind ? 'redis' : 'postgres', `--${mode}`);
  const json = fromBytes(input.value);
  if (toBytes(json) !== input.value)
    throw new UserError('the row is not valid UTF-8', { code: 'ROW_INVALID' });
  const key = fromBytes(input.key);
  if (toBytes(key) !== input.key)
    throw new UserError(`--${mode} takes keys of UTF-8 text, and '${keyText(input.key)}' is not`, {
      code: 'KEY_NOT_UTF8',
    });
  checkedRow(settings.cache.writeBehind?.tables ?? {}, { table, row: { json } }, operation);
  // Another level that kept an older value would give it to its readers.
  const levels =
    input.level === undefined ? settings.cache.levels.filter(({ type }) => type !== 'memory') : [chosen];
  return { mode, settings, levels, table, operation, key, json };
}

/** The database or its queue first, then the cache levels. @returns what the result says beside the key. */
export async function writeRow(
  { mode, settings, levels, table, operation, key, json }: RowWrite,
  ttlMs: number,
  context: Context,
): Promise<{
  table: string;
  operation: Operation;
  mode: RowWrite['mode'];
  operationId?: string;
  id?: string;
}> {
  const { writeBehind, ...rest } = settings.cache;
  const cache = await openRead(
    {
      ...settings,
      cache: { ...rest, levels, tiers: [], ...(mode === 'write-behind' ? { writeBehind } : {}) },
      tables: writeBehind?.tables,
    },
    // Nobody waits for a reader here: a level may take as long as a request may.
    { codec: text, levelTimeoutMs: settings.requestTimeoutMs, warn: (message) => context.warn(message) },
  );
  context.closing(() => cache.close());
  const options = ttlMs > 0 ? { ttl: ttlMs } : {};
  const target = { table, row: mode === 'write-behind' ? { json } : columnsOf(json) };
  if (mode === 'write-through') {
    await cache.writeThrough(key, json, target, operation, options).catch((error: unknown) => {
      throw rowRefused(table, error);
    });
    if (operation !== 'delete') await warnWhereMissing(levels, key, context);
    return { table, operation, mode };
  }
  const { operationId, id } = await cache.writeBehind(key, json, target, operation, options);
  return { table, operation, mode, operationId, id };
}

/** A cache that does not take the value loses the key, which is right, and which the person wants to know. */
async function warnWhereMissing(levels: LevelSettings[], key: string, context: Context): Promise<void> {
  for (const one of levels) {
    const level = await openLevel(one, context);
    const [value] = await level.read([toBytes(key)], context.signal);
    if (value === null)
      context.warn(
        `${level.name} at ${level.target} did not take the value: the row is written, the key is not there`,
      );
  }
}

/** What PostgreSQL has against the row itself, as the person's to mend. */
function rowRefused(table: string, error: unknown): unknown {
  const state = systemCode(error) ?? '';
  if (error instanceof UserError || !/^(22|23|42)\w{3}$/.test(state)) return error;
  return new UserError(`${table} refused the row: ${errorMessage(error)}`, {
    code: 'ROW_REFUSED',
    hint: `Nothing was written (SQLSTATE ${state}).`,
    cause: error,
  });
}

/** Each column's text, every digit kept; PostgreSQL reads it as the column's type. */
function columnsOf(json: string): Record<string, string | null> {
  const columns: Record<string, string | null> = {};
  eachMember(bytesOf(Buffer.from(json, 'utf8')), (rawName, rawValue) => {
    const value = memberText(rawValue);
    columns[fromBytes(stringText(rawName))] = value === null ? null : fromBytes(value);
  });
  return columns;
}
