import { UserError } from '../../lib/core/errors.js';
import { counted, formatCount } from '../../lib/core/units.js';
import { type Age, before, formatAge, readAge } from '../../lib/search/age.js';
import type { ElasticClient } from '../../lib/search/elastic/client.js';
import { deleteDocuments, deleteIndex } from '../../lib/search/retention/delete.js';
import { planRetention, type RetentionPlan } from '../../lib/search/retention/plan.js';
import { changeCommand } from '../../runtime/command.js';
import type { Context } from '../../runtime/context.js';
import { flag } from '../../runtime/flags.js';
import type { Printer } from '../../runtime/printer.js';
import { elasticClientOf } from './shared/elastic.js';
import { engineFlags, openConfigured } from './shared/engine.js';

interface Prepared {
  client: ElasticClient;
  ages: [name: string, age: Age][];
  plan(): Promise<readonly RetentionPlan[]>;
  plans: readonly RetentionPlan[];
  confirm: string;
}

interface OfName {
  name: string;
  /** ISO 8601: what is older goes. */
  olderThan: string;
  timeField: string;
  indices: { index: string; documents: number; newest?: string }[];
  /** That went one by one, or would. */
  documents: number;
  /** That are too old, in indices of a time series that are not. */
  late: number;
  kept: readonly { index: string; reason: string }[];
}

interface Result {
  target: string;
  names: OfName[];
  confirm: string;
}

export const retention = changeCommand({
  name: 'search retention',
  summary: 'delete what is older than it should be kept: whole indices of a time series, else documents',
  synonyms: ['expire', 'purge', 'cleanup', 'curator', 'delete-old'],
  description:
    'For cron, where no lifecycle on the server does it. An index of a time series goes when its month and its newest ' +
    'document are too old, and never while writes or an alias need it, or the configuration keeps another of its names ' +
    'longer. Of a single index its documents go.',
  args: {
    index: {
      required: false,
      help: "an index, alias or data stream; without it, all of the configuration's search.retention",
    },
  },
  flags: {
    keep: flag.parsed('AGE', readAge, { help: 'days, months or years: 90d, 13M, 2y; else as configured' }),
    timeField: flag.text({ help: 'the field by which documents age; else the one of type date' }),
    ...engineFlags,
  },
  examples: [
    { does: 'what would go', command: 'metrify search retention meter-readings --keep 13M --dry-run' },
    {
      does: 'from cron',
      command: 'metrify search retention --confirm production/meter-readings,events@10.0.0.5:9200 -q',
    },
  ],
  items: 'names',

  async prepare({ index, keep, timeField, engine }, context): Promise<Prepared> {
    const client = await elasticClientOf(
      await openConfigured({ engine }, context, 'search retention'),
      'search retention',
    );
    const { search, environment } = await context.settings();
    const configured = search?.retention ?? {};
    const ages = agesOf(index, keep, configured);
    const now = new Date(context.clock.now());
    const limits = (of: [string, Age][]) => new Map(of.map(([name, age]) => [name, before(now, age)]));
    const request = { limits: limits(ages), configured: limits(Object.entries(configured)), timeField };
    const plan = () => planRetention(client, request, context.signal);
    const names = ages.map(([name]) => name).join(',');
    return { client, ages, plan, plans: await plan(), confirm: `${environment}/${names}@${client.address}` };
  },

  preview: ({ client, plans, confirm }) => ({
    target: client.name,
    confirm,
    names: plans.map((plan) => ofName(plan, plan.indices, plan.documents?.count ?? 0)),
  }),

  presentPreview(result, printer) {
    printer.heading(`Would delete at ${result.target}`);
    for (const name of result.names) presentName(name, printer);
    printer.line(printer.dim(`to delete it, run it with --confirm ${result.confirm}`));
  },

  async run(prepared, context) {
    const { client, ages, confirm } = prepared;
    const what = `delete what is older than ${ages.map(([name, age]) => `${formatAge(age)} in ${name}`).join(', ')}`;
    await context.confirmTarget(confirm, what, () => Promise.resolve(howMuch(prepared.plans)));
    // Whoever was asked may have thought for a while: what is needed by now stays.
    const plans = await prepared.plan();
    const names = plans.map((plan) => ofName(plan, [], 0));
    const result = (): Result => ({ target: client.name, confirm, names });
    for (const [i, plan] of plans.entries()) {
      for (const index of plan.indices) {
        context.applied(result, () => 'Run the same command again for the rest.');
        if (await deleteIndex(client, index, context.signal)) names[i]!.indices.push(oldIndex(index));
      }
      if (plan.documents === undefined || plan.documents.count === 0) continue;
      context.applied(result, () => 'Run the same command again for the rest.');
      await removeDocuments(client, plan, context, (count) => (names[i]!.documents += count));
    }
    return { verdict: 'ok', result: result() };
  },

  counts: ({ names }) => ({
    indices: names.reduce((sum, { indices }) => sum + indices.length, 0),
    documents: names.reduce((sum, { documents }) => sum + documents, 0),
  }),

  present(result, printer) {
    for (const name of result.names) presentName(name, printer);
    const isNothing = result.names.every(({ indices, documents }) => indices.length + documents === 0);
    printer.ok(isNothing ? `nothing to delete at ${result.target}` : `deleted at ${result.target}`);
  },
});

/** @throws UserError exit 2 when nothing says how long something is kept */
function agesOf(
  index: string | undefined,
  keep: Age | undefined,
  configured: Readonly<Record<string, Age>>,
): [string, Age][] {
  if (index === undefined && keep !== undefined)
    throw new UserError('--keep is given, and no index', {
      hint: 'Say of which: metrify search retention INDEX --keep 13M',
    });
  const ages: [string, Age | undefined][] =
    index === undefined ? Object.entries(configured) : [[index, keep ?? configured[index]]];
  const missing = ages.length === 0 || ages.some(([, age]) => age === undefined);
  if (missing)
    throw new UserError(
      index === undefined ? 'nothing says what is kept how long' : `nothing says how long ${index} is kept`,
      {
        code: 'AGE_MISSING',
        hint: 'Give INDEX --keep 13M, or set search.retention in the configuration.',
      },
    );
  return ages as [string, Age][];
}

function removeDocuments(
  client: ElasticClient,
  plan: RetentionPlan,
  { clock, signal, during }: Context,
  deleted: (count: number) => void,
): Promise<void> {
  return during('deleting', 'writes', (progress) =>
    deleteDocuments(client, plan, plan.documents!, { clock, signal, progress }, deleted),
  );
}

function oldIndex({ index, documents, newest }: RetentionPlan['indices'][number]): OfName['indices'][number] {
  return { index, documents, ...(newest === undefined ? {} : { newest: newest.toISOString() }) };
}

function ofName(plan: RetentionPlan, indices: RetentionPlan['indices'], documents: number): OfName {
  const { name, limit, timeField, late, kept } = plan;
  return {
    name,
    olderThan: limit.toISOString(),
    timeField,
    indices: indices.map(oldIndex),
    documents,
    late,
    kept,
  };
}

function howMuch(plans: readonly RetentionPlan[]): string {
  const indices = plans.flatMap((plan) => plan.indices);
  const inIndices = indices.reduce((sum, { documents }) => sum + documents, 0);
  const single = plans.reduce((sum, { documents }) => sum + (documents?.count ?? 0), 0);
  return `${counted(indices.length, 'index', 'indices')}, ${counted(inIndices + single, 'document')}`;
}

function presentName(
  { name, olderThan, timeField, indices, documents, late, kept }: OfName,
  printer: Printer,
): void {
  printer.line(`${name}: ${timeField} before ${olderThan}`);
  if (indices.length > 0)
    printer.table({
      columns: [{ title: 'index', cut: true }, { title: 'documents', align: 'right' }, { title: 'newest' }],
      rows: indices.map(({ index, documents: count, newest }) => [index, formatCount(count), newest ?? '']),
    });
  printer.line(
    indices.length === 0 || documents > 0
      ? `  ${counted(documents, 'document')}`
      : `  ${counted(indices.length, 'index', 'indices')}`,
  );
  if (late > 0) printer.line(`  kept, in indices that have younger ones: ${counted(late, 'document')}`);
  for (const { index, reason } of kept) printer.warn(`${index} stays: ${reason}`);
}
