import { UserError } from '../../lib/core/errors.js';
import { counted, formatBytes, formatCount, formatDuration } from '../../lib/core/units.js';
import type { CoreReindexPreview } from '../../lib/search/reindex/cores/prepare.js';
import type { AbandonPlan } from '../../lib/search/reindex/abandon.js';
import type { ReindexPreview } from '../../lib/search/reindex/preview.js';
import type { ReindexPlan } from '../../lib/search/reindex/prepare.js';
import type { ReindexResult } from '../../lib/search/reindex/reindex.js';
import type { RollbackPlan, RollbackResult } from '../../lib/search/reindex/rollback.js';
import { changeCommand } from '../../runtime/command.js';
import type { Context } from '../../runtime/context.js';
import { flag, type FlagValues } from '../../runtime/flags.js';
import type { Printer } from '../../runtime/printer.js';
import { engineFlags, openConfigured } from './shared/engine.js';
import type { CoreWork } from './shared/reindex-cores.js';
import { type AbandonResult, runReindex } from './shared/run-reindex.js';

const flags = {
  mapping: flag.file({
    access: 'read',
    help: 'mapping of the new index, or { "mappings", "settings" }, as JSON; by default as the old one has it',
  }),
  template: flag.boolean('mapping and settings of the index template that matches the new name'),
  shards: flag.count({ help: 'primary shards of the new index' }),
  configset: flag.text({
    placeholder: 'NAME',
    help: 'Solr: of the server, for the new core; by default the core NAME-000002 is there, and empty',
  }),
  by: flag.choice(['server', 'client'], {
    help: "who copies; by default the server's own task where it has one",
  }),
  freeze: flag.duration({
    help: 'how long the old index may take no writes, for the last of them',
    default: '10s',
  }),
  noFreeze: flag.boolean('take writes all the time, and say how many may be missing'),
  allowRejected: flag.count({ help: 'documents that the new mapping may refuse; by default none' }),
  deadLetter: flag.file({ access: 'write', help: 'where to list refused documents' }),
  stall: flag.duration({ help: 'give up when there is no progress for this long', default: '10m' }),
  resume: flag.boolean('continue an unfinished one, from any host'),
  abandon: flag.boolean('give up an unfinished one, and delete the new index'),
  rollback: flag.boolean('point back to the index before'),
  ...engineFlags,
};

type Input = FlagValues<typeof flags> & { index: string };

type Prepared =
  | { readonly kind: 'cores'; readonly work: CoreWork }
  | { readonly kind: 'reindex'; readonly plan: ReindexPlan; readonly deadLetter: string | undefined }
  | { readonly kind: 'rollback'; readonly plan: RollbackPlan; readonly stallMs: number }
  | { readonly kind: 'abandon'; readonly plan: AbandonPlan; readonly confirm: string };

type Preview = ReindexPreview | CoreReindexPreview | RollbackResult | AbandonResult;
type Result = ReindexResult | RollbackResult | AbandonResult;

export const reindex = changeCommand({
  name: 'search reindex',
  summary: 'fill a new index from an old one without downtime, and move the alias',
  synonyms: ['rebuild', 'remap', 'rollover'],
  description:
    'Creates the next index of the series (sensors-000002), copies every document, catches up by sequence number with what is written ' +
    'meanwhile, compares both by id and content, and points all aliases at the new one in one step. An index that is not an alias ' +
    'becomes one; its documents stay under a name of the series. The old index is kept, and takes no more writes. How far it ' +
    'came is kept in the mapping of the old index: it can be continued from any host.',
  args: { index: { help: 'an alias, or an index', required: true } },
  flags,
  examples: [
    { does: 'a new mapping', command: 'metrify search reindex sensors --mapping sensors.json' },
    { does: 'see what would be done', command: 'metrify search reindex sensors --shards 3 --dry-run' },
    { does: 'continue after a failure', command: 'metrify search reindex sensors --resume' },
    { does: 'back to the old index', command: 'metrify search reindex sensors --rollback' },
  ],

  async prepare(input, context): Promise<Prepared> {
    requireOneMode(input);
    const engine = await openConfigured(input, context, 'search reindex');
    if (engine.kind === 'solr') {
      const { prepareCores } = await import('./shared/reindex-cores.js');
      return { kind: 'cores', work: await prepareCores(engine, input, context) };
    }
    const { ElasticEngine } = await import('../../lib/search/elastic/engine.js');
    if (!(engine instanceof ElasticEngine)) throw new TypeError(`${engine.kind} is not Elasticsearch`);
    if (input.configset !== undefined)
      throw new UserError(`--configset is of Solr, and this is ${engine.name}`, {
        hint: 'Say what the new index is like with --mapping, --template or --shards.',
      });
    if (input.rollback) {
      const { prepareRollback } = await import('../../lib/search/reindex/rollback.js');
      const plan = await prepareRollback(engine, input.index, context.signal);
      return { kind: 'rollback', plan, stallMs: input.stall };
    }
    if (input.abandon) {
      const { prepareAbandon } = await import('../../lib/search/reindex/abandon.js');
      const plan = await prepareAbandon(engine, input.index, context);
      const { environment } = await context.settings();
      const { name } = plan.state.destination;
      return { kind: 'abandon', plan, confirm: `${environment}/${name}@${engine.address}` };
    }
    const { prepareReindex } = await import('../../lib/search/reindex/prepare.js');
    const plan = await prepareReindex(
      engine,
      input.index,
      {
        resume: input.resume,
        design: await designOf(input, context),
        by: input.by,
        freezeMs: input.noFreeze ? undefined : input.freeze,
        allowRejected: input.allowRejected ?? 0,
        stallMs: input.stall,
      },
      context,
    );
    return { kind: 'reindex', plan, deadLetter: input.deadLetter };
  },

  async preview(prepared, context): Promise<Preview> {
    if (prepared.kind === 'cores') return prepared.work.preview();
    if (prepared.kind === 'abandon') return abandonResult(prepared.plan);
    if (prepared.kind === 'rollback') {
      const { previewRollback } = await import('../../lib/search/reindex/rollback.js');
      return previewRollback(prepared.plan, context.signal);
    }
    const { previewReindex } = await import('../../lib/search/reindex/preview.js');
    return previewReindex(prepared.plan, context);
  },

  presentPreview(preview, printer) {
    if ('steps' in preview) return presentSteps(preview, printer);
    if ('writtenSince' in preview)
      printer.line(
        `Would point ${preview.alias} back to ${preview.to}; ${counted(preview.writtenSince, 'write')} since then ${preview.writtenSince === 1 ? 'is' : 'are'} only in ${preview.from}`,
      );
    else printer.line(`Would give up the reindex of ${preview.source} into ${preview.abandoned}`);
  },

  async run(prepared, context) {
    if (prepared.kind === 'cores') return conclusionOf(await prepared.work.run());
    if (prepared.kind === 'rollback') {
      const { rollback } = await import('../../lib/search/reindex/rollback.js');
      const { clock, signal } = context;
      return conclusionOf(
        await rollback(prepared.plan, {
          ...{ clock, signal },
          warn: (message) => context.warn(message),
          stallMs: prepared.stallMs,
        }),
      );
    }
    if (prepared.kind === 'abandon') {
      const { plan, confirm } = prepared;
      if (plan.destination !== undefined)
        await context.confirmTarget(confirm, `delete the index ${plan.destination}`);
      const { abandon } = await import('../../lib/search/reindex/abandon.js');
      await abandon(plan, context);
      return conclusionOf(abandonResult(plan));
    }
    const { reindex: fill } = await import('../../lib/search/reindex/reindex.js');
    const { plan, deadLetter } = prepared;
    const from = { engine: plan.engine, name: plan.source.index.name };
    return conclusionOf(await runReindex(from, (io) => fill(plan, io), deadLetter, context));
  },

  counts: (result) =>
    'written' in result
      ? { written: result.written, deleted: result.deleted, rejected: result.rejected }
      : ({} as Record<string, number>),

  present(result, printer) {
    if ('written' in result) presentResult(result, printer);
    else if ('writtenSince' in result) {
      printer.ok(`${result.alias} points at ${result.to} again, which takes writes`);
      if (result.writtenSince > 0)
        printer.warn(
          `${counted(result.writtenSince, 'write')} since ${result.swappedAt} ${result.writtenSince === 1 ? 'is' : 'are'} only in ${result.from}`,
        );
    } else
      printer.ok(
        result.deleted
          ? `${result.abandoned} is deleted; ${result.source} is as it was`
          : `forgotten; ${result.abandoned} is not ours, or gone, and was left as it is`,
      );
  },
});

function requireOneMode({ resume, abandon, rollback, mapping, template, shards, configset }: Input): void {
  const modes = Object.entries({ resume, abandon, rollback }).filter(([, given]) => given);
  const isDesigned = mapping !== undefined || template || shards !== undefined || configset !== undefined;
  if (modes.length > 1 || (modes.length === 1 && isDesigned))
    throw new UserError(
      `--${modes[0]![0]} does not go together with ${modes[1] === undefined ? 'what a new index is like' : `--${modes[1][0]}`}`,
      {
        hint: 'Leave one of them out.',
      },
    );
  if (mapping !== undefined && template)
    throw new UserError('--mapping and --template both say what the new index is like', {
      hint: 'Leave one of them out.',
    });
}

async function designOf({ mapping, template, shards }: Input, { cwd }: Context) {
  const settings = shards === undefined ? {} : { 'index.number_of_shards': String(shards) };
  if (mapping === undefined) return { settings, fromTemplate: template };
  const [{ readDesign }, { readText }, { resolve }] = await Promise.all([
    import('../../lib/search/reindex/design.js'),
    import('../../lib/core/input-file.js'),
    import('node:path'),
  ]);
  const design = readDesign(await readText(resolve(cwd, mapping)), mapping);
  return { ...design, settings: { ...design.settings, ...settings } };
}

function conclusionOf(result: Result) {
  const isWhole =
    'written' in result
      ? result.swapped && result.rejected === 0 && result.mayBeMissing === 0
      : !('writtenSince' in result) || result.writtenSince === 0;
  return { verdict: isWhole ? ('ok' as const) : ('partial' as const), result };
}

function abandonResult({ source, state, destination }: AbandonPlan): AbandonResult {
  return { source: source.name, abandoned: state.destination.name, deleted: destination !== undefined };
}

function presentSteps(preview: ReindexPreview | CoreReindexPreview, printer: Printer): void {
  const { source, destination, documents, steps } = preview;
  printer.heading(`Would fill ${destination} from ${source}`);
  if ('shards' in preview) {
    const { bytes, shards, readingMs } = preview;
    printer.facts([
      ['documents', `${formatCount(documents)}, ${formatBytes(bytes)} without replicas`],
      [
        'shards',
        shards.before === shards.after ? `${shards.after}` : `${shards.before}, then ${shards.after}`,
      ],
      ['reading them', `about ${formatDuration(readingMs)}; writing takes longer`],
    ]);
  }
  for (const [i, step] of steps.entries()) printer.line(`${i + 1}. ${step}`);
}

function presentResult(result: ReindexResult, printer: Printer): void {
  const { alias, source, destination, written, deleted, copiedBy, rejected, reasons, swapped } = result;
  printer.facts([
    ['copied by', copiedBy === 'server' ? 'a task of the server, then this machine' : 'this machine'],
    ['written', counted(written, 'document')],
    ['deleted', counted(deleted, 'document')],
    ...(result.frozenMs > 0
      ? ([['without writes', formatDuration(result.frozenMs)]] as [string, string][])
      : []),
  ]);
  for (const { reason, count } of reasons.slice(0, 10))
    printer.bad(`${counted(count, 'document')} refused: ${reason}`);
  // Of cores of Solr, whose names were swapped.
  if (swapped && result.kept === destination)
    printer.ok(`${alias} is the new core; the one before is kept as ${destination}`);
  else if (swapped)
    printer.ok(`${alias} points at ${destination}; ${result.kept} is kept, and takes no writes`);
  else
    printer.bad(
      `${alias} was not moved from ${source}: ${destination} lacks ${counted(rejected, 'document')}. Mend them and use --resume, or say --allow-rejected ${rejected}`,
    );
  if (result.mayBeMissing > 0)
    printer.warn(`${counted(result.mayBeMissing, 'write')} may be missing in ${destination}`);
}
