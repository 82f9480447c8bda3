import {
  countMatches,
  estimateMatches,
  describeSelection,
  flush as flushCache,
  type FlushCounts,
  type FlushPlan,
  normalizeSelection,
  type Selection,
} from '../../lib/cache/flush.js';
import { readGlob } from '../../lib/cache/glob.js';
import { findLevel } from '../../lib/cache/open-bulk-level.js';
import { UserError } from '../../lib/core/errors.js';
import { ExitCode } from '../../lib/core/exit-codes.js';
import { counted, formatCount } from '../../lib/core/units.js';
import { changeCommand } from '../../runtime/command.js';
import type { Context } from '../../runtime/context.js';
import { flag } from '../../runtime/flags.js';
import type { Printer } from '../../runtime/printer.js';
import { warnOfMovedSlots } from './shared/moved-slots.js';
import { levelFlag, memcachedServers, hazelcastUrl, postgresUrl, redisUrl } from './shared/flags.js';
import { openLevel } from './shared/open-level.js';

interface Prepared extends FlushPlan {
  /** What has to be named with `--confirm`. */
  confirm: string;
  what: string;
  maxKeys: number | undefined;
}

export const flush = changeCommand({
  name: 'cache flush',
  summary: 'remove keys by pattern, age or all, without blocking the server',
  synonyms: ['clear', 'purge', 'empty', 'flushall', 'flushdb', 'invalidate', 'evict'],
  description:
    'Walks the level with a cursor and removes single keys, on every master of a cluster. Where nobody can be asked it ' +
    'needs --confirm ENV/LEVEL@HOST:PORT[/DB], which the dry run prints. Keys of metrify itself (metrify:…) stay.',
  flags: {
    pattern: flag.parsed('GLOB', readGlob, {
      help: "keys that match, as Redis matches them: 'meter:*:latest'",
    }),
    all: flag.boolean("every key of the URL's database"),
    noTtl: flag.boolean('keys that never expire'),
    idle: flag.duration({ help: 'keys that were not used for so long' }),
    level: levelFlag,
    rate: flag.count({ help: 'at most so many keys a second' }),
    maxKeys: flag.count({ help: 'count first, and refuse to remove more' }),
    redisUrl,
    memcachedServers,
    hazelcastUrl,
    postgresUrl,
  },
  examples: [
    { does: 'what would go, by prefix', command: `metrify cache flush --pattern 'forecast:*' --dry-run` },
    {
      does: 'remove it from a script',
      command: `metrify cache flush --pattern 'forecast:*' --max-keys 50000 --confirm production/redis@10.0.0.1:6379`,
    },
    { does: 'what nobody used for a week, gently', command: 'metrify cache flush --idle 7d --rate 5000' },
  ],
  items: 'byPrefix',

  async prepare(input, context): Promise<Prepared> {
    const selection = normalizeSelection(readSelection(input));
    const settings = await context.settings();
    const chosen = findLevel(settings.cache, input.level);
    const level = await openLevel(chosen, context);
    const listeners = await level.listeners(context.signal);
    for (const listener of listeners)
      context.warn(`${listener}: each removed key is sent to whoever listens`);
    if (listeners.length > 0 && input.rate === undefined)
      throw new UserError('other clients are told of every removed key, and no --rate is given', {
        code: 'RATE_MISSING',
        exitCode: ExitCode.refused,
        hint: 'Add --rate, for instance --rate 5000.',
      });
    return {
      level,
      selection,
      rate: input.rate,
      maxKeys: input.maxKeys,
      confirm: `${settings.environment}/${level.name}@${level.address}`,
      what: `remove ${describeSelection(selection)} of ${level.name} at ${level.target}`,
    };
  },

  preview: async (prepared, context) => ({
    level: prepared.level.name,
    target: prepared.level.target,
    selection: prepared.selection,
    confirm: prepared.confirm,
    ...(await count(prepared, context)),
  }),

  presentPreview({ level, target, selection, confirm, ...counts }, printer) {
    printer.heading(`Would remove ${describeSelection(selection)} of ${level} at ${target}`);
    presentCounts(counts, printer);
    printer.line(
      printer.dim(`${counted(counts.matched, 'key')}; to remove them, run it with --confirm ${confirm}`),
    );
  },

  async run(prepared, context) {
    if (prepared.maxKeys !== undefined) await count(prepared, context);
    await context.confirmTarget(prepared.confirm, prepared.what, () => howMany(prepared, context));
    const result = await context.during('removing', 'keys', (progress) =>
      flushCache(prepared, {
        clock: context.clock,
        signal: context.signal,
        progress,
        started: (soFar) => context.applied(soFar, () => 'Run the same command again to remove the rest.'),
      }),
    );
    warnOfMovedSlots(result, context);
    return { verdict: 'ok', result };
  },

  counts: ({ matched, deleted }) => ({ matched, deleted }),

  present(result, printer) {
    presentCounts(result, printer);
    printer.ok(`${counted(result.deleted, 'key')} removed from ${result.level} at ${result.target}`);
    if (result.uncertain !== undefined)
      printer.warn(`${formatCount(result.uncertain)} more may have been removed: their answers were lost`);
    if (result.matched > result.deleted)
      printer.line(`      ${formatCount(result.matched - result.deleted)} more had gone by themselves`);
  },
});

/** @throws UserError exit 4 when there are more than `--max-keys`. */
async function count(prepared: Prepared, context: Context): Promise<FlushCounts> {
  const { signal } = context;
  const counts = await context.during('counting', 'keys', (progress) =>
    countMatches(prepared, { signal, progress }, prepared.maxKeys),
  );
  warnOfMovedSlots(counts, context);
  return counts;
}

/** What whoever is asked should know first. */
async function howMany(prepared: Prepared, { signal, during }: Context): Promise<string> {
  const { matched, total, exact } = await during('counting', 'keys', (progress) =>
    estimateMatches(prepared, { signal, progress }),
  );
  return `${exact ? '' : 'about '}${formatCount(matched)} of ${counted(total, 'key')}`;
}

function readSelection(input: {
  pattern: string | undefined;
  all: boolean;
  noTtl: boolean;
  idle: number | undefined;
}): Selection {
  const given: Selection[] = [];
  if (input.pattern !== undefined) given.push({ by: 'pattern', pattern: input.pattern });
  if (input.all) given.push({ by: 'all' });
  if (input.noTtl) given.push({ by: 'no-ttl' });
  if (input.idle !== undefined) given.push({ by: 'idle', idleMs: input.idle });
  const [selection] = given;
  if (given.length === 1 && selection) return selection;
  throw new UserError(
    given.length === 0 ? 'nothing says which keys are to go' : 'more than one selection is given',
    {
      hint: 'Give one of --pattern, --all, --no-ttl and --idle.',
    },
  );
}

function presentCounts(counts: FlushCounts, printer: Printer): void {
  if (counts.byPrefix.length > 0)
    printer.table({
      columns: [
        { title: 'keys', align: 'right' },
        { title: 'prefix', cut: true },
      ],
      rows: counts.byPrefix
        .slice(0, 20)
        .map(({ prefix, keys }) => [formatCount(keys), prefix || printer.dim('(empty)')]),
    });
  if (counts.byPrefix.length > 20)
    printer.line(printer.dim(`and ${counted(counts.byPrefix.length - 20, 'more prefix', 'more prefixes')}`));
  if (counts.nodes.length > 1)
    for (const { node, matched } of counts.nodes)
      printer.line(printer.dim(`${node}  ${counted(matched, 'key')}`));
  if (counts.kept > 0)
    printer.line(
      printer.dim(`${counted(counts.kept, 'key')} of metrify itself ${counts.kept === 1 ? 'stays' : 'stay'}`),
    );
}
