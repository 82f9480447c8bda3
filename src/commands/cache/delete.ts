import type { BulkLevel } from '../../lib/cache/bulk-level.js';
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
    let deleted = false;
    const remover = await level.remover({
      signal: context.signal,
      settled: (_, removed) => (deleted = removed),
    });
    try {
      await remover.remove([key]);
      await remover.drain();
    } finally {
      await remover.close();
    }
    return { verdict: 'ok', result: { key: keyText(key), level: level.name, target: level.target, deleted } };
  },

  present({ key, level, deleted }, printer) {
    printer.ok(deleted ? `${key} removed from ${level}` : `${level} had no ${key}`);
  },
});
