import { errorMessage } from '../../lib/core/errors.js';
import { counted, formatBytes, formatCount, formatDuration } from '../../lib/core/units.js';
import { indexRows, type IndexHooks, type IndexResult } from '../../lib/search/bulk/index-rows.js';
import { firstOperation, type OperationExample } from '../../lib/search/bulk/first-operation.js';
import { timeField } from '../../lib/search/bulk/time-member.js';
import type { Wait } from '../../lib/search/bulk/writer.js';
import type { ElasticClient } from '../../lib/search/elastic/client.js';
import { changeCommand, type Outcome } from '../../runtime/command.js';
import type { Context } from '../../runtime/context.js';
import { presentIndexing } from '../../ui/search-index.js';
import { resumeHint } from '../shared/source/continue.js';
import { indexFlags, type PreparedIndexing, prepareIndexing } from './shared/prepare-index.js';

interface Preview {
  readonly source: string;
  readonly estimatedRows: number | undefined;
  readonly index: string;
  readonly at: string;
  readonly operation: string;
  /** What the first row would be. */
  readonly example: OperationExample | undefined;
  readonly resumesAfterRow: number | undefined;
}

export const indexDocuments = changeCommand({
  name: 'search index',
  summary: 'write rows of SQL, files or Parquet to an index, and lose none',
  synonyms: ['load', 'bulk', 'import', 'ingest', 'insert', 'put', 'restore', 'reindex-from-sql'],
  description:
    'Every row ends as indexed or as rejected, whatever fails in between: what is refused for a reason that passes is sent ' +
    'again, and after a lost answer the document is looked up. Documents have ids always, by default the SHA-256 of their ' +
    'content, so that a second run changes nothing. Values of CSV stay text, of which the mapping makes numbers; empty ones are left out. A missing ' +
    'index that no template makes is refused: the server would guess its mapping.',
  args: { index: { help: 'an index, alias or data stream', required: true } },
  flags: indexFlags,
  junit: true,
  examples: [
    {
      does: 'the sensors of the database, every night',
      command: `metrify search index sensors --sql 'SELECT * FROM sensors' --id sensor_id`,
    },
    {
      does: 'a large file, resumable, rejected rows kept',
      command:
        'metrify search index meter-readings --file readings.jsonl --resume index.json --dead-letter rejected.jsonl',
    },
    {
      does: 'the rows that were rejected, mended',
      command: 'metrify search index meter-readings --file rejected.jsonl --mended',
    },
    {
      does: 'a dump of metrify search query --all --meta back into an index',
      command: 'metrify search index sensors --file sensors.ndjson --meta',
    },
    {
      does: 'what would be written',
      command: 'metrify search index sensors --file sensors.csv --id sensor_id --dry-run',
    },
  ],

  prepare: ({ index, ...input }, context) => prepareIndexing(index, input, context),

  async preview({ plan }, { signal }): Promise<Preview> {
    const { source, engine, target, rows, resume } = plan;
    return {
      source: source.label,
      estimatedRows: source.estimatedRows,
      index: target.index,
      at: engine.name,
      operation: rows.kind,
      example: await firstOperation(plan, signal),
      resumesAfterRow: resume?.reached?.position.rows,
    };
  },

  presentPreview({ source, estimatedRows, index, at, operation, example, resumesAfterRow }, printer) {
    const facts: [string, string][] = [
      ['from', `${source}${estimatedRows === undefined ? '' : `, about ${counted(estimatedRows, 'row')}`}`],
      ['to', `${index} of ${at}`],
      ['operation', operation],
    ];
    if (resumesAfterRow !== undefined) facts.push(['resumes', `after row ${formatCount(resumesAfterRow)}`]);
    if (example?.id !== undefined) facts.push(['first id', example.id]);
    if (example?.document !== undefined) facts.push(['its document', example.document]);
    if (example?.unfit !== undefined) facts.push(['first row', `rejected: ${example.unfit}`]);
    printer.heading('Would write');
    printer.facts(facts);
    if (example?.lacksTime) printer.warn(noTime);
    printer.line(printer.dim('Only the server can tell which documents do not fit the mapping.'));
  },

  async run(prepared, context): Promise<Outcome<IndexResult>> {
    const result = await runIndexing(prepared, context);
    const { read, rejected } = result;
    const failure = rejected > 0 ? `${formatCount(rejected)} of ${counted(read, 'row')} rejected` : undefined;
    return {
      verdict: rejected > 0 ? 'partial' : 'ok',
      result,
      checks: [{ name: 'every row was indexed', ...(failure === undefined ? {} : { failure }) }],
    };
  },

  counts: ({ read, indexed, rejected, retried }) => ({ read, indexed, rejected, retried }),

  present: presentIndexing,
});

const noTime = `the first document has no ${timeField}: questions about times, and retention, do not find documents without it`;

async function runIndexing(prepared: PreparedIndexing, context: Context): Promise<IndexResult> {
  const { plan, client, bulkSettings } = prepared;
  let stoppedBy: unknown;
  const index = () =>
    context.during('indexing', 'rows', (progress) =>
      indexRows(plan, {
        clock: context.clock,
        signal: context.signal,
        progress,
        lacksTime: () => context.warn(noTime),
        waits: (wait) => tellWait(wait, prepared, context),
        notWritten: (problem) => context.notWritten(problem),
        started: (soFar) => context.applied(soFar, () => resumeHint(plan.source, plan.resume, stoppedBy)),
      } satisfies IndexHooks),
    );
  try {
    if (client === undefined) return await index();
    return bulkSettings
      ? await withBulkSettingsOf(client, prepared, context, index)
      : await afterRestoring(client, prepared, context, index);
  } catch (error) {
    stoppedBy = error;
    throw error;
  }
}

async function withBulkSettingsOf(
  client: ElasticClient,
  { plan }: PreparedIndexing,
  context: Context,
  work: () => Promise<IndexResult>,
): Promise<IndexResult> {
  const { withBulkSettings } = await import('../../lib/search/elastic/bulk-settings.js');
  const { clock, signal } = context;
  return withBulkSettings(client, plan.target.index, new Date(clock.now()), signal, work, (error) =>
    context.warn(
      `refresh_interval and replicas of ${plan.target.index} could not be put back: ${errorMessage(error)}; the next metrify search index does it`,
    ),
  );
}

/** A run that was killed may have left the index without refreshes and replicas. */
async function afterRestoring(
  client: ElasticClient,
  { plan, exists }: PreparedIndexing,
  context: Context,
  work: () => Promise<IndexResult>,
): Promise<IndexResult> {
  if (exists) {
    const { leftBulkSettings, restoreSettings } = await import('../../lib/search/elastic/bulk-settings.js');
    for (const left of await leftBulkSettings(client, plan.target.index, context.signal)) {
      await restoreSettings(client, left, context.signal);
      context.warn(
        `put back refresh_interval and replicas of ${left.index}, which a run of ${left.since} had not`,
      );
    }
  }
  return work();
}

function tellWait(
  { kind, reason, stallMs }: Wait,
  { plan, client }: PreparedIndexing,
  context: Context,
): void {
  const { name } = plan.engine;
  const patience = `trying for up to ${formatDuration(stallMs)}`;
  if (kind === 'away') context.warn(`${reason}; ${patience}`);
  else if (kind === 'busy') context.warn(`${name} has too much to do: ${reason}; ${patience}`);
  else context.warn(`${name} takes no writes: ${reason}; ${patience}`);
  if (kind !== 'blocked' || client === undefined) return;
  tellDisks(client, context).catch((error: unknown) =>
    context.verbose(`the disks of the nodes are not known: ${errorMessage(error)}`),
  );
}

async function tellDisks(client: ElasticClient, context: Context): Promise<void> {
  const { nodeDisks } = await import('../../lib/search/elastic/disks.js');
  for (const { node, freeBytes, totalBytes } of (await nodeDisks(client, context.signal)).slice(0, 3))
    context.warn(`node ${node} has ${formatBytes(freeBytes)} of ${formatBytes(totalBytes)} free`);
}
