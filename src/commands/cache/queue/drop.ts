import { readKey } from '../../../lib/cache/key-text.js';
import { heldKeys, releaseKeys } from '../../../lib/cache/write-behind/queue.js';
import { errorMessage } from '../../../lib/core/errors.js';
import { counted } from '../../../lib/core/units.js';
import { changeCommand } from '../../../runtime/command.js';
import type { Context } from '../../../runtime/context.js';
import { flag } from '../../../runtime/flags.js';
import { openConfiguredRedis } from '../shared/redis.js';
import { redisUrl } from '../shared/flags.js';
import { chosenKeys, keyOrAll, warnOfUncertain } from '../shared/held-keys.js';
import { openLevel } from '../shared/open-level.js';

export const drop = changeCommand({
  name: 'cache queue drop',
  summary: 'give up the refused write of a key, and let the later ones continue',
  synonyms: ['rm', 'del', 'remove', 'delete', 'discard', 'purge'],
  description:
    'Removes the one write that the database refused, for good; those held back behind it go before all others. The ' +
    'key is removed from the cache levels, which may show a value that no table has. Where nobody can be asked it ' +
    'needs --confirm ENV/queue@HOST:PORT, which the dry run prints.',
  args: { key: { help: 'a key that is held back', required: false } },
  flags: { all: flag.boolean('every key that is held back'), redisUrl },
  examples: [
    {
      does: 'one key',
      command: 'metrify cache queue drop meter:17:latest --confirm production/queue@10.0.0.1:6379',
    },
    { does: 'what would go', command: 'metrify cache queue drop --all --dry-run' },
  ],
  items: 'keys',

  async prepare(input, context) {
    const key = keyOrAll(input);
    const client = await openConfiguredRedis(context);
    const { environment } = await context.settings();
    return {
      client,
      target: `${environment}/queue@${client.address}`,
      keys: await chosenKeys(key, heldKeys(client)),
    };
  },

  preview: ({ keys, target }) => ({ keys: keys.map(({ key }) => key), confirm: target }),

  presentPreview({ keys, confirm }, printer) {
    printer.line(`Would give up the refused write of ${counted(keys.length, 'key')}`);
    for (const key of keys.slice(0, 20)) printer.line(`  ${key}`);
    printer.line(printer.dim(`to do so, run it with --confirm ${confirm}`));
  },

  async run({ client, keys, target }, context) {
    await context.confirmTarget(target, `drop the refused write of ${counted(keys.length, 'key')}`);
    const result = await releaseKeys(client, keys, {
      drop: true,
      signal: context.signal,
      started: (soFar) => context.applied(soFar, () => 'Run the same command again for the rest.'),
    });
    // Without a count, the first attempt may have dropped it.
    await forgetInCaches(
      result.keys
        .filter(({ dropped }) => dropped > 0 || result.uncertain !== undefined)
        .map(({ key }) => key),
      context,
    );
    return { verdict: 'ok', result };
  },

  counts: ({ dropped, released }) => ({ dropped, released }),

  present({ dropped, released, keys, uncertain }, printer) {
    printer.ok(`${counted(dropped, 'write')} of ${counted(keys.length, 'key')} dropped`);
    if (released > 0)
      printer.line(
        `      ${counted(released, 'write')} behind them ${released === 1 ? 'continues' : 'continue'}`,
      );
    warnOfUncertain(uncertain, printer);
  },
});

/** The caches were told of a value that will never be in the database. */
async function forgetInCaches(keys: string[], context: Context): Promise<void> {
  if (keys.length === 0) return;
  const settings = await context.settings();
  for (const { name, type } of settings.cache.levels) {
    if (type === 'memory') continue;
    try {
      const level = await openLevel(name, context);
      const remover = await level.remover({ signal: context.signal, settled: () => {} });
      await remover.remove(keys.map(readKey));
      await remover.drain();
      await remover.close();
    } catch (error) {
      context.signal.throwIfAborted();
      context.warn(`level ${name} may still show the dropped values: ${errorMessage(error)}`);
    }
  }
}
