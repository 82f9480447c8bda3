import { heldKeys, type ReleaseResult, releaseKeys } from '../../../lib/cache/write-behind/queue.js';
import { formatCount } from '../../../lib/core/units.js';
import { changeCommand } from '../../../runtime/command.js';
import { flag } from '../../../runtime/flags.js';
import { openConfiguredRedis } from '../shared/redis.js';
import { redisUrl } from '../shared/flags.js';
import { chosenKeys, warnOfUncertain } from '../shared/held-keys.js';

interface Result {
  released: number;
  keys: { key: string; released: number }[];
  uncertain?: number;
}

export const retry = changeCommand({
  name: 'cache queue retry',
  summary: 'let writes that were put aside go again, before all others',
  args: { key: { help: 'a key that is held back', required: false } },
  flags: { all: flag.boolean('every key that is held back'), redisUrl },
  examples: [
    { does: 'after the column was widened', command: 'metrify cache queue retry meter:17:latest' },
    { does: 'all of them', command: 'metrify cache queue retry --all' },
  ],
  items: 'keys',

  async prepare(input, context) {
    const client = await openConfiguredRedis(context);
    return { client, ...(await chosenKeys(input, () => heldKeys(client))) };
  },

  preview: ({ keys }) => ({ keys: keys.map(({ key }) => key) }),

  presentPreview({ keys }, printer) {
    printer.line(`Would let ${formatCount(keys.length)} keys go again`);
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
    printer.ok(`${formatCount(released)} writes of ${formatCount(keys.length)} keys go before all others`);
    warnOfUncertain(uncertain, printer);
  },
});
