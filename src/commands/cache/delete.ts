import type { BulkLevel, BulkRemoveOutcome } from '../../lib/cache/bulk-level.js';
import { keyText, readKey } from '../../lib/cache/key-text.js';
import { refuseOwnKey } from '../../lib/cache/own-keys.js';
import type { ByteString } from '../../lib/core/bytes.js';
import { changeCommand } from '../../runtime/command.js';
import { levelFlag, memcachedServers, hazelcastUrl, postgresUrl, redisUrl } from './shared/flags.js';
import { openLevel } from './shared/open-level.js';

interface Prepared {
  level: BulkLevel;
  key: ByteString;
}

interface Result {
  key: string;
  level: string;
  target: string;
  deleted: boolean;
  /** 1: the key may have been removed, and the answer was lost. */
  uncertain?: number;
}

export const remove = changeCommand({
  name: 'cache delete',
  summary: 'remove one key',
  synonyms: ['rm', 'del', 'remove', 'unlink'],
  args: { key: { help: 'the key', required: true } },
  flags: { level: levelFlag, redisUrl, memcachedServers, hazelcastUrl, postgresUrl },
  examples: [{ does: 'one stale value', command: 'metrify cache delete meter:17:latest' }],

  async prepare({ key, level: name }, context): Promise<Prepared> {
    const bytes = readKey(key);
    refuseOwnKey(bytes);
    return { level: await openLevel(name, context), key: bytes };
  },

  preview: ({ level, key }) => ({ level: level.name, target: level.target, key: keyText(key) }),

  presentPreview({ level, target, key }, printer) {
    printer.line(`Would remove ${key} from ${level} at ${target}`);
  },

  async run({ level, key }, context) {
    let outcome: BulkRemoveOutcome = 'unclear';
    const result = (): Result => ({
      key: keyText(key),
      level: level.name,
      target: level.target,
      deleted: outcome === 'removed',
      ...(outcome === 'unclear' ? { uncertain: 1 } : {}),
    });
    const remover = await level.remover({
      signal: context.signal,
      settled: (_, settled) => (outcome = settled),
    });
    try {
      await remover.remove([key]);
      await remover.drain();
    } catch (error) {
      if (outcome === 'unclear') context.applied(result);
      throw error;
    } finally {
      await remover.close();
    }
    return { verdict: 'ok', result: result() };
  },

  present({ key, level, deleted, uncertain }, printer) {
    if (uncertain) printer.warn(`${key} may have been removed from ${level}: the answer was lost`);
    else printer.ok(deleted ? `${key} removed from ${level}` : `${level} had no ${key}`);
  },
});
