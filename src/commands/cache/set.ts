import { buffer } from 'node:stream/consumers';

import type { BulkLevel } from '../../lib/cache/bulk-level.js';
import { findLevel } from '../../lib/cache/open-bulk-level.js';
import { keyText, readKey } from '../../lib/cache/key-text.js';
import { refuseOwnKey } from '../../lib/cache/own-keys.js';
import { operations } from '../../lib/cache/write-behind/types.js';
import { bytesOf, toBytes, type ByteString } from '../../lib/core/bytes.js';
import { ServiceUnavailable, UserError } from '../../lib/core/errors.js';
import { formatBytes, formatDuration } from '../../lib/core/units.js';
import { changeCommand } from '../../runtime/command.js';
import { flag } from '../../runtime/flags.js';
import { levelFlag, memcachedServers, hazelcastUrl, postgresUrl, redisUrl } from './shared/flags.js';
import { planRow, writeRow, type RowWrite } from './shared/row-write.js';
import { openLevel } from './shared/open-level.js';

interface Prepared {
  level: BulkLevel;
  key: ByteString;
  value: ByteString;
  ttlMs: number;
  /** The row that goes to the database too. */
  row?: RowWrite | undefined;
}

interface Result {
  key: string;
  level: string;
  target: string;
  bytes: number;
  ttlMs: number;
  table?: string;
  operation?: string;
  mode?: 'write-through' | 'write-behind';
  operationId?: string;
  /** The entry's id in the queue. */
  id?: string;
  /** 1: the value may have been written, and the answer was lost. */
  uncertain?: number;
}

export const set = changeCommand({
  name: 'cache set',
  summary: 'write one key',
  synonyms: ['put', 'write', 'add'],
  args: {
    key: { help: 'the key', required: true },
    value: { help: 'the value, or - for standard input', required: true },
  },
  flags: {
    ttl: flag.duration({ help: "time to live (default: the level's, else none)" }),
    writeThrough: flag.boolean('write to the database first (needs --table)'),
    writeBehind: flag.boolean('queue it for the database, then write to the cache (needs --table)'),
    table: flag.text({ placeholder: 'T', help: 'VALUE is a JSON object: a row of this table' }),
    operation: flag.choice(operations, { help: 'what to do with the row (default: upsert)' }),
    level: levelFlag,
    redisUrl,
    memcachedServers,
    hazelcastUrl,
    postgresUrl,
  },
  examples: [
    { does: 'for an hour', command: `metrify cache set tariff:current '{"name":"night"}' --ttl 1h` },
    {
      does: 'and in the database soon after',
      command: `metrify cache set meter:17:latest '{"meter_id":17,"kwh":0.25}' --write-behind --table readings`,
    },
    { does: 'from a file', command: 'metrify cache set report:today - < report.json' },
  ],

  async prepare(
    { key, value, ttl, level: name, writeThrough, writeBehind, table, operation },
    context,
  ): Promise<Prepared> {
    const named = readKey(key);
    refuseOwnKey(named);
    checkValue(value);
    const settings = await context.settings();
    const chosen = findLevel(settings.cache, name);
    const bytes = value === '-' ? bytesOf(await buffer(context.terminal.stdin)) : toBytes(value);
    const row = planRow(settings, chosen, {
      writeThrough,
      writeBehind,
      table,
      operation,
      level: name,
      key: named,
      value: bytes,
    });
    const level = await openLevel(chosen, context);
    return { level, key: named, value: bytes, ttlMs: ttl ?? chosen.ttl ?? 0, row };
  },

  preview: ({ level, key, value, ttlMs, row }) => ({
    level: level.name,
    target: level.target,
    key: keyText(key),
    bytes: value.length,
    ttlMs,
    ...(row
      ? {
          mode: row.mode,
          table: row.table,
          operation: row.operation,
          levels: row.levels.map((one) => one.name),
        }
      : {}),
  }),

  presentPreview({ level, target, key, bytes, ttlMs, mode, table, operation, levels }, printer) {
    if (mode) {
      printer.line(`Would ${operation} a row of ${table} (${mode})`);
      printer.line(`Would write ${key} to ${levels!.join(', ')}`);
      return;
    }
    printer.line(`Would write ${key} (${formatBytes(bytes)}, ${expiry(ttlMs)}) to ${level} at ${target}`);
  },

  async run({ level, key, value, ttlMs, row }, context) {
    const written = {
      key: keyText(key),
      level: level.name,
      target: level.target,
      bytes: value.length,
      ttlMs,
    };
    if (row) {
      const done = await writeRow(row, ttlMs, context);
      const names = row.levels.map((one) => one.name).join(', ');
      return { verdict: 'ok', result: { ...written, level: names, ...done } as Result };
    }
    let problem: string | undefined;
    let answered = false;
    const writer = await level.writer({
      nx: false,
      signal: context.signal,
      settled: (_, outcome, reason) => {
        answered = true;
        problem = outcome === 'failed' ? (reason ?? 'refused') : undefined;
      },
    });
    try {
      await writer.write([{ key, value, ttlMs }]);
      await writer.drain();
    } catch (error) {
      if (!answered) context.applied(() => ({ ...written, uncertain: 1 }) satisfies Result);
      throw error;
    } finally {
      await writer.close();
    }
    if (problem !== undefined)
      throw new ServiceUnavailable(
        `${level.name} at ${level.target} did not take '${keyText(key)}': ${problem}`,
        {
          code: 'WRITE_REFUSED',
        },
      );
    return { verdict: 'ok', result: written as Result };
  },

  present({ key, level, bytes, ttlMs, operation, table, mode, id, uncertain }, printer) {
    if (uncertain) {
      printer.warn(`${key} may have been written to ${level}: the answer was lost`);
      return;
    }
    if (mode === 'write-through') printer.ok(`${operation} in ${table} committed`);
    if (mode === 'write-behind') printer.ok(`queued: ${operation} in ${table} (${id})`);
    if (operation === 'delete') printer.ok(`${key} removed from ${level}`);
    else printer.ok(`${key} written to ${level} (${formatBytes(bytes)}, ${expiry(ttlMs)})`);
  },
});

/** Node.js has put U+FFFD where the argument is not UTF-8: the value would be another one. */
function checkValue(value: string): void {
  if (value.includes('\ufffd'))
    throw new UserError('the value holds bytes that are not UTF-8, which an argument cannot', {
      code: 'VALUE_NOT_UTF8',
      hint: 'Give it on standard input: metrify cache set KEY - < FILE',
    });
}

function expiry(ttlMs: number): string {
  return ttlMs > 0 ? `for ${formatDuration(ttlMs)}` : 'without expiry';
}
