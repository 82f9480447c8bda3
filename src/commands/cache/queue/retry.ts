import { heldKeys, type ReleaseResult, releaseKeys } from '../../../lib/cache/write-behind/queue.js';
import { counted } from '../../../lib/core/units.js';
import { changeCommand } from '../../../runtime/command.js';
import { flag } from '../../../runtime/flags.js';
import { openConfiguredRedis } from '../shared/redis.js';
import { redisUrl } from '../shared/flags.js';
import { chosenKeys, keyOrAll, warnOfUncertain } from '../shared/held-keys.js';

interface Result {
  released: number;
  keys: { key: string; released: number }[];
  uncertain?: number;
}

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

  preview: ({ keys }) => ({ keys: keys.map(({ key }) => key) }),

  presentPreview({ keys }, printer) {
    printer.line(`Would let ${counted(keys.length, 'key')} go again`);
    for (const key of keys.slice(0, 20)) printer.line(`  ${key}`);
  },

  async run({ client, keys }, context) {
    const resultOf = ({ released, keys: done, uncertain }: ReleaseResult): Result => ({
      released,
      keys: done.map((one) => ({ key: one.key, released: one.released })),
      ...(uncertain === undefined ? {} : { uncertain }),
    });
    const result = await releaseKeys(client, keys, {
      drop: false,
      signal: context.signal,
      started: (soFar) =>
        context.applied(
          () => resultOf(soFar()),
          () => 'Run the same command again for the rest.',
        ),
    });
    return { verdict: 'ok', result: resultOf(result) };
  },

  counts: ({ released }) => ({ released }),

  present({ released, keys, uncertain }, printer) {
    printer.ok(
      `${counted(released, 'write')} of ${counted(keys.length, 'key')} ${released === 1 ? 'goes' : 'go'} before all others`,
    );
    warnOfUncertain(uncertain, printer);
  },
});
