import type { BulkLevel, BulkRemoveOutcome } from '../../lib/cache/bulk-level.js';
import { isOwnKey } from '../../lib/cache/own-keys.js';
import { toBytes } from '../../lib/core/bytes.js';
import { ServiceConflict } from '../../lib/core/errors.js';
import { changeCommand } from '../../runtime/command.js';
import { levelFlag, memcachedServers, hazelcastUrl, postgresUrl, redisUrl } from './shared/flags.js';
import { openLevel } from './shared/open-level.js';

interface Prepared {
  level: BulkLevel;
  key: string;
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
  args: { key: { help: 'the key', required: true } },
  flags: { level: levelFlag, redisUrl, memcachedServers, hazelcastUrl, postgresUrl },
  examples: [{ does: 'one stale value', command: 'metrify cache delete meter:17:latest' }],

  async prepare({ key, level: name }, context): Promise<Prepared> {
    if (isOwnKey(toBytes(key)))
      throw new ServiceConflict(`'${key}' is one of metrify's own keys`, {
        hint: 'Use the verbs that manage it.',
      });
    const level = await openLevel(name, context);
    return { level, key };
  },

  preview: ({ level, key }) => ({ level: level.name, target: level.target, key }),

  presentPreview({ level, target, key }, printer) {
    printer.line(`Would remove ${key} from ${level} at ${target}`);
  },

  async run({ level, key }, context) {
    let outcome: BulkRemoveOutcome = 'unclear';
    const result = (): Result => ({
      key,
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
      await remover.remove([toBytes(key)]);
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
