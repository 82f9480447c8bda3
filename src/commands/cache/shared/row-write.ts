import type { CacheLevel } from '../../../lib/cache/level.js';
import { checkedRow, type Operation } from '../../../lib/cache/write-behind/operation.js';
import type { Found } from '../../../lib/cache/store.js';
import { WriteBehind } from '../../../lib/cache/write-behind/writer.js';
import { openRedis } from '../../../lib/clients/redis/client.js';
import { fromBytes, type ByteString } from '../../../lib/core/bytes.js';
import { ServiceUnavailable, UserError } from '../../../lib/core/errors.js';
import type { Context } from '../../../runtime/context.js';
import type { Settings } from '../../../runtime/settings.js';

/** A row that `cache set` takes to the database as well. */
export interface RowWrite {
  mode: 'write-behind';
  settings: Settings;
  table: string;
  operation: Operation;
  json: string;
}

interface RowInput {
  writeThrough: boolean;
  writeBehind: boolean;
  table: string | undefined;
  operation: Operation | undefined;
  value: ByteString;
}

/** @throws UserError exit 2 when the flags or the row make no sense together. */
export function planRow(settings: Settings, input: RowInput): RowWrite | undefined {
  const { writeThrough, writeBehind, table, operation } = input;
  if (writeThrough && writeBehind)
    throw new UserError('--write-through and --write-behind exclude each other');
  if (writeThrough) throw new UserError('--write-through is not available yet', { code: 'UNSUPPORTED' });
  if (!writeBehind) {
    if (table === undefined && operation === undefined) return undefined;
    throw new UserError(
      `--${table === undefined ? 'operation' : 'table'} is given, but nothing says how to write it`,
      {
        hint: 'Add --write-behind or --write-through.',
      },
    );
  }
  if (table === undefined)
    throw new UserError('--write-behind writes a row, but no table is given', { hint: 'Add --table NAME.' });
  if (!settings.redis)
    throw new UserError('the queue is in Redis, and no Redis is configured', {
      code: 'NOT_CONFIGURED',
      hint: 'Set METRIFY_REDIS_URL.',
    });
  const bytes = Buffer.from(input.value, 'latin1');
  const json = fromBytes(input.value);
  if (!Buffer.from(json, 'utf8').equals(bytes))
    throw new UserError('the row is no valid UTF-8', { code: 'ROW_INVALID' });
  checkedRow(settings.cache.writeBehind?.tables ?? {}, { table, row: { json } }, operation ?? 'upsert');
  return { mode: 'write-behind', settings, table, operation: operation ?? 'upsert', json };
}

/** First the queue, then the cache. @returns what the result says beside the key. */
export async function queueRow(
  { settings, table, operation, json }: RowWrite,
  { level, key, value, ttlMs }: { level: CacheLevel; key: ByteString; value: ByteString; ttlMs: number },
  context: Context,
): Promise<{ table: string; operation: Operation; operationId: string; id: string }> {
  const client = await openRedis(settings.redis!, settings, context.signal);
  context.closing(() => client.close());
  const { tables, durability } = settings.cache.writeBehind!;
  const queue = await WriteBehind.open(client, {
    tables,
    durability,
    cache: asCache(level, ttlMs, context.signal),
    warn: (message) => context.warn(message),
    signal: context.signal,
  });
  context.closing(() => queue.close());
  const { operationId, id, cached } = await queue.writeBehind(
    key,
    operation === 'delete' ? null : value,
    { table, row: { json } },
    operation,
  );
  const result = { table, operation, operationId, id };
  context.applied(() => result);
  await cached;
  return result;
}

function asCache(level: CacheLevel, ttlMs: number, signal: AbortSignal) {
  return {
    async set(key: ByteString, { value }: Found): Promise<boolean> {
      let problem: string | undefined;
      const writer = await level.writer({
        nx: false,
        signal,
        settled: (_, outcome, reason) => (problem = outcome === 'failed' ? (reason ?? 'refused') : undefined),
      });
      try {
        await writer.write([{ key, value, ttlMs }]);
        await writer.drain();
      } finally {
        await writer.close();
      }
      if (problem !== undefined) throw new ServiceUnavailable(`${level.name} did not take it: ${problem}`);
      return true;
    },
    async remove(key: ByteString): Promise<boolean> {
      const remover = await level.remover({ signal, settled: () => {} });
      try {
        await remover.remove([key]);
        await remover.drain();
      } finally {
        await remover.close();
      }
      return true;
    },
  };
}
