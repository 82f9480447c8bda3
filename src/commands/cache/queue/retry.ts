import { heldKeys, releaseKey } from '../../../lib/cache/write-behind/queue.js';
import { counted } from '../../../lib/core/units.js';
import { changeCommand } from '../../../runtime/command.js';
import { flag } from '../../../runtime/flags.js';
import { openConfiguredRedis } from '../shared/redis.js';
import { redisUrl } from '../shared/flags.js';
import { chosenKeys, keyOrAll } from '../shared/held-keys.js';

export const retry = changeCommand({
  name: 'cache queue retry',
  summary: 'let writes that were put aside go again, before all others',
  synonyms: ['release', 'requeue', 'replay'],
  args: { key: { help: 'a key that is held back', required: false } },
  flags: { all: flag.boolean('every key that is held back'), redisUrl },
  examples: [
    { does: 'after the column was widened', command: 'metrify cache queue retry meter:17:latest' },
    { does: 'all of them', command: 'metrify cache queue retry --all' },
  ],
  items: 'keys',

  async prepare(input, context) {
    const key = keyOrAll(input);
    const client = await openConfiguredRedis(context);
    return { client, keys: await chosenKeys(key, heldKeys(client)) };
  },

  preview: ({ keys }) => ({ keys }),

  presentPreview({ keys }, printer) {
    printer.line(`Would let ${counted(keys.length, 'key')} go again`);
    for (const key of keys.slice(0, 20)) printer.line(`  ${key}`);
  },

  async run({ client, keys }, context) {
    const result = { released: 0, keys: [] as { key: string; released: number }[] };
    context.applied(
      () => result,
      () => 'Run the same command again for the rest.',
    );
    for (const key of keys) {
      context.signal.throwIfAborted();
      const { released } = await releaseKey(client, key, false);
      result.released += released;
      result.keys.push({ key, released });
    }
    return { verdict: 'ok', result };
  },

  counts: ({ released }) => ({ released }),

  present({ released, keys }, printer) {
    printer.ok(
      `${counted(released, 'write')} of ${counted(keys.length, 'key')} ${released === 1 ? 'goes' : 'go'} before all others`,
    );
  },
});
