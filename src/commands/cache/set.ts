import { buffer } from 'node:stream/consumers';

import type { CacheLevel } from '../../lib/cache/level.js';
import { findLevel, openLevel } from '../../lib/cache/open-level.js';
import { toBytes } from '../../lib/core/bytes.js';
import { ServiceUnavailable } from '../../lib/core/errors.js';
import { formatBytes, formatDuration } from '../../lib/core/units.js';
import { changeCommand } from '../../runtime/command.js';
import { flag } from '../../runtime/flags.js';
import { levelFlag, memcachedServers, postgresUrl, redisUrl } from './shared/flags.js';

interface Plan {
  level: CacheLevel;
  key: string;
  value: string;
  ttlMs: number;
}

export const set = changeCommand({
  name: 'cache set',
  summary: 'write one key',
  args: {
    key: { help: 'the key', required: true },
    value: { help: 'the value, or - for standard input', required: true },
  },
  flags: {
    ttl: flag.duration({ help: "time to live (default: the level's, else none)" }),
    level: levelFlag,
    redisUrl,
    memcachedServers,
    postgresUrl,
  },
  examples: [
    { does: 'for an hour', command: `metrify cache set tariff:current '{"name":"night"}' --ttl 1h` },
    { does: 'from a file', command: 'metrify cache set report:today - < report.json' },
  ],

  async plan({ key, value, ttl, level: name }, context): Promise<Plan> {
    const settings = await context.settings();
    const chosen = findLevel(settings.cache, name);
    const bytes = value === '-' ? (await buffer(context.terminal.stdin)).toString('latin1') : toBytes(value);
    const level = await openLevel(chosen, settings, context.clock, context.signal);
    context.closing(() => level.close());
    return { level, key, value: bytes, ttlMs: ttl ?? chosen.ttl ?? 0 };
  },

  planData: ({ level, key, value, ttlMs }) => ({
    level: level.name,
    target: level.target,
    key,
    bytes: value.length,
    ttlMs,
  }),

  presentPlan({ level, key, value, ttlMs }, printer) {
    printer.line(
      `Would write ${key} (${formatBytes(value.length)}, ${expiry(ttlMs)}) to ${level.name} at ${level.target}`,
    );
  },

  async apply({ level, key, value, ttlMs }, context) {
    let problem: string | undefined;
    const writer = await level.writer({
      nx: false,
      signal: context.signal,
      settled: (_, outcome, reason) => (problem = outcome === 'failed' ? (reason ?? 'refused') : undefined),
    });
    try {
      await writer.write([{ key: toBytes(key), value, ttlMs }]);
      await writer.drain();
    } finally {
      await writer.close();
    }
    if (problem !== undefined)
      throw new ServiceUnavailable(`${level.name} at ${level.target} did not take '${key}': ${problem}`, {
        code: 'WRITE_REFUSED',
      });
    return {
      verdict: 'ok',
      result: { key, level: level.name, target: level.target, bytes: value.length, ttlMs },
    };
  },

  present({ key, level, bytes, ttlMs }, printer) {
    printer.ok(`${key} written to ${level} (${formatBytes(bytes)}, ${expiry(ttlMs)})`);
  },
});

function expiry(ttlMs: number): string {
  return ttlMs > 0 ? `for ${formatDuration(ttlMs)}` : 'without expiry';
}
