import type { BulkLevel } from '../../lib/cache/bulk-level.js';
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

export const remove = changeCommand({
  name: 'cache delete',
  summary: 'remove one key',
  synonyms: ['rm', 'del', 'remove', 'unlink'],
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
    let deleted = false;
    const remover = await level.remover({
      signal: context.signal,
      settled: (_, removed) => (deleted = removed),
    });
    try {
      await remover.remove([toBytes(key)]);
      await remover.drain();
    } finally {
      await remover.close();
    }
    return { verdict: 'ok', result: { key, level: level.name, target: level.target, deleted } };
  },

  present({ key, level, deleted }, printer) {
    printer.ok(deleted ? `${key} removed from ${level}` : `${level} had no ${key}`);
  },
});
