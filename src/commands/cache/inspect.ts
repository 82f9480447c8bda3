import { readGlob } from '../../lib/cache/glob.js';
import { inspect as inspectCache, type InspectPlan } from '../../lib/cache/inspect/inspect.js';
import type { InspectResult } from '../../lib/cache/inspect/result.js';
import { findLevel } from '../../lib/cache/open-bulk-level.js';
import { UserError } from '../../lib/core/errors.js';
import { type Progress, silentProgress } from '../../lib/core/progress.js';
import { readCommand } from '../../runtime/command.js';
import type { Context } from '../../runtime/context.js';
import { flag } from '../../runtime/flags.js';
import { presentInspection } from '../../ui/inspection.js';
import { warnOfMovedSlots } from './shared/moved-slots.js';
import { levelFlag, memcachedServers, hazelcastUrl, postgresUrl, redisUrl } from './shared/flags.js';
import { openLevel } from './shared/open-level.js';

const defaultSample = 100_000;
const refreshMs = 2000;

export const inspect = readCommand({
  name: 'cache inspect',
  summary: 'what is in a cache: prefixes, sizes, expiry, big and hot keys, and what to do',
  synonyms: ['ls', 'list', 'keys', 'scan', 'show', 'stats', 'info', 'bigkeys'],
  description:
    'Looks at every key of a small cache, and at a random sample of a large one, with the error of each estimate ' +
    'beside it. Sizes of large collections are the estimates of the server itself (MEMORY USAGE).',
  flags: {
    pattern: flag.parsed('GLOB', readGlob, { help: 'only keys that match' }),
    exact: flag.boolean('look at every key'),
    sample: flag.count({
      help: `look at so many keys (default: ${defaultSample}, or all when there are fewer)`,
    }),
    top: flag.count({ help: 'length of the lists of big and hot keys', default: '10' }),
    level: levelFlag,
    live: flag.boolean('a view that refreshes itself until q is pressed'),
    redisUrl,
    memcachedServers,
    hazelcastUrl,
    postgresUrl,
  },
  examples: [
    { does: 'the overview', command: 'metrify cache inspect' },
    {
      does: 'exact figures for one kind of key, for a script',
      command: `metrify cache inspect --pattern 'meter:*' --exact --json`,
    },
  ],
  items: 'prefixes',

  async read(input, context) {
    if (input.exact && input.sample !== undefined)
      throw new UserError('--exact and --sample exclude each other', { hint: 'Leave one out.' });
    if (input.live && !(context.terminal.stdoutIsTerminal && context.output === 'text'))
      throw new UserError('--live needs a terminal', { hint: 'Leave --live out.' });
    const settings = await context.settings();
    const chosen = findLevel(settings.cache, input.level);
    const level = await openLevel(chosen, context);
    const plan = (progress: Progress, signal: AbortSignal): InspectPlan => ({
      level,
      pattern: input.pattern,
      sample: input.exact ? undefined : (input.sample ?? defaultSample),
      top: input.top,
      signal,
      progress,
    });
    let result: InspectResult;
    if (input.live) {
      result = await watch((signal) => inspectCache(plan(silentProgress, signal)), context);
    } else {
      result = await context.during('looking', 'keys', (progress) =>
        inspectCache(plan(progress, context.signal)),
      );
      warnOfMovedSlots(result, context);
    }
    return { verdict: 'ok', result };
  },

  counts: ({ keys }) => ({ keys }),

  present(result, printer) {
    presentInspection(result, printer);
  },
});

/** Looks again and again until a person leaves the view. @returns the last look. @throws what the inspection throws */
async function watch(
  look: (signal: AbortSignal) => Promise<InspectResult>,
  { clock, signal, terminal }: Context,
): Promise<InspectResult> {
  let last = await look(signal);
  const { openInspectionView } = await import('../../ui/inspection-live.js');
  const view = openInspectionView(terminal, last, refreshMs);
  const over = AbortSignal.any([signal, view.left]);
  try {
    for (;;) {
      await clock.sleep(refreshMs, over);
      last = await look(over);
      view.show(last);
    }
  } catch (error) {
    if (!over.aborted) throw error;
    return last;
  } finally {
    view.close();
  }
}
