import { resolve } from 'node:path';

import { UserError } from '../../../lib/core/errors.js';
import { deadLetterRows, isDeadLetters } from '../../../lib/search/bulk/dead-letter-rows.js';
import type { DescribedIndexing } from '../../../lib/search/bulk/checkpoint.js';
import type { IndexPlan } from '../../../lib/search/bulk/index-plan.js';
import { timeField } from '../../../lib/search/bulk/time-member.js';
import { compileOperation, type RowPlan } from '../../../lib/search/bulk/row-operation.js';
import type { ElasticClient } from '../../../lib/search/elastic/client.js';
import type { OperationKind, SearchEngine } from '../../../lib/search/engine.js';
import type { RowSource } from '../../../lib/sources/row-source.js';
import type { Context } from '../../../runtime/context.js';
import { flag, type Flags, type FlagValues } from '../../../runtime/flags.js';
import { continuing } from '../../shared/source/continue.js';
import { elasticClientOf } from './elastic.js';
import { engineFlags, openConfigured } from './engine.js';
import { documentFlags, openDocuments } from './rows.js';

export const indexFlags = {
  ...documentFlags,
  id: flag.text({ placeholder: 'FIELD', help: 'field with the id (default: the SHA-256 of the document)' }),
  op: flag.choice(['index', 'create', 'update', 'delete'], {
    help: 'index replaces, create rejects a document that is there already, update changes the members given (default: index; of a data stream create)',
  }),
  externalVersion: flag.text({
    placeholder: 'FIELD',
    help: 'field with a version of your own, a whole number: an older document never replaces a newer one',
  }),
  routing: flag.text({ placeholder: 'FIELD', help: 'field by which the shard is chosen' }),
  meta: flag.boolean('rows are lines of a dump, with _id, _routing, _version and _source'),
  mended: flag.boolean('--file is a dead-letter file that was mended: its rows are given again'),
  keepDuplicates: flag.boolean(
    'without --id: write a document that is there twice twice (takes 12 to 24 bytes of memory a row)',
  ),
  requireAlias: flag.boolean('refuse when INDEX is not an alias'),
  deadLetter: flag.file({ access: 'write', help: 'where rejected rows go, a JSON object a line' }),
  resume: flag.file({
    access: 'write',
    help: 'checkpoint: saved while running, continued from when it exists',
  }),
  rate: flag.count({ help: 'maximum rows a second' }),
  stall: flag.duration({
    help: 'how long to wait for a server that is blocked, busy or away',
    default: '10m',
  }),
  bulkSettings: flag.boolean(
    'no refreshes and no replicas while it runs; put back at the end, or by the next run',
  ),
  refresh: flag.boolean('refresh at the end, so that searches see what was written'),
  ...engineFlags,
} satisfies Flags;

export type IndexInput = FlagValues<typeof indexFlags>;

export interface PreparedIndexing {
  readonly plan: IndexPlan;
  /** Undefined for Solr. */
  readonly client: ElasticClient | undefined;
  /** False: a template will make it. */
  readonly exists: boolean;
  readonly bulkSettings: boolean;
}

/** Opens both sides, and refuses what cannot be written. @throws UserError exit 2 or 4; as the source and the engine */
export async function prepareIndexing(
  index: string,
  input: IndexInput,
  context: Context,
): Promise<PreparedIndexing> {
  refuseContradictions(input);
  const opened = await openDocuments(input, context, { resume: input.resume !== undefined });
  const source = input.mended ? (deadLetterRows(opened) as RowSource) : opened;
  if (!input.mended && !input.meta && isDeadLetters(opened))
    throw new UserError(`${opened.label} is a dead-letter file: its rows are wrapped`, {
      code: 'DEAD_LETTERS',
      hint: 'With --mended its rows are given again.',
    });
  const engine = await openConfigured(input, context, 'search index');
  const client = engine.kind === 'solr' ? undefined : await elasticClientOf(engine, 'search index');
  const found = await findIndex(index, engine, client, context.signal);
  if (input.requireAlias && !found.isAlias) throw notAlias(index);
  const kind = kindOf(input.op, index, found.isDataStream);
  refuseVersions(input.externalVersion, kind);
  const rows: RowPlan = {
    kind,
    id: input.id,
    version: input.externalVersion,
    routing: input.routing,
    isDump: input.meta,
    keepDuplicates: input.keepDuplicates,
  };
  // A field that the source does not have is refused before anything is written.
  compileOperation(source, rows);
  const plan: IndexPlan = {
    source,
    engine,
    // An alias that is deleted meanwhile must not become an index.
    target: { index, requireAlias: found.isAlias, maySpan: found.isAlias || found.isDataStream },
    indices: found.indices,
    wantsTime: found.exists && !found.isDataStream && (await hasTimeField(engine, index, context.signal)),
    rows,
    rate: input.rate,
    stallMs: input.stall!,
    deadLetter: input.deadLetter === undefined ? undefined : resolve(context.cwd, input.deadLetter),
    resume: await continueFrom(
      input.resume,
      { source, rows, address: engine.address, index, indices: found.indices },
      source,
      context,
    ),
    refresh: input.refresh,
  };
  return { plan, client, exists: found.exists, bulkSettings: input.bulkSettings };
}

interface FoundIndex {
  readonly exists: boolean;
  readonly isAlias: boolean;
  readonly isDataStream: boolean;
  /** By uuid. */
  readonly indices: readonly string[];
}

/** @throws UserError `INDEX_MISSING` exit 2 */
async function findIndex(
  index: string,
  engine: SearchEngine,
  client: ElasticClient | undefined,
  signal: AbortSignal,
): Promise<FoundIndex> {
  const there = await engine.describe(index, signal);
  if (there) {
    const { isAlias, isDataStream, indices } = there;
    return {
      exists: true,
      isAlias,
      isDataStream,
      indices: indices.map(({ uuid }) => uuid),
    };
  }
  if (client) {
    const { matchingTemplate } = await import('../../../lib/search/elastic/matching-template.js');
    const template = await matchingTemplate(client, index, signal);
    if (template) return { exists: false, isAlias: false, isDataStream: template.isDataStream, indices: [] };
  }
  throw new UserError(`${engine.name} has no index '${index}'`, {
    code: 'INDEX_MISSING',
    hint:
      client === undefined
        ? `Check the name, or create the core first: bin/solr create -c ${index}`
        : 'Check the name, or create it first: metrify search setup. Created by its first document, its mapping would be a guess.',
  });
}

async function hasTimeField(engine: SearchEngine, index: string, signal: AbortSignal): Promise<boolean> {
  const fields = await engine.fields(index, signal);
  return fields.some(({ name, kind }) => name === timeField && kind === 'date');
}

/** @throws UserError exit 2 */
function kindOf(given: OperationKind | undefined, index: string, isDataStream: boolean): OperationKind {
  const kind = given ?? (isDataStream ? 'create' : 'index');
  if (isDataStream && kind !== 'create')
    throw new UserError(`'${index}' is a data stream, which takes only --op create`, {
      code: 'DATA_STREAM',
      hint: 'Its documents are changed in the index behind it that has them.',
    });
  return kind;
}

/** @throws UserError exit 2 */
function refuseContradictions({
  id,
  op,
  externalVersion: version,
  routing,
  meta,
  mended,
  keepDuplicates,
  file,
}: IndexInput): void {
  const refuse = (message: string, hint: string) => {
    throw new UserError(message, { hint });
  };
  if (mended && file === undefined)
    refuse('--mended goes with --file', 'Give the dead-letter file with --file.');
  if (meta && (id !== undefined || version !== undefined || routing !== undefined || keepDuplicates))
    refuse('with --meta each line says its own id, version and routing', 'Leave the other flags out.');
  if (keepDuplicates && id !== undefined)
    refuse('--keep-duplicates does not go with --id', 'Documents of the same id replace each other.');
  if (!meta && id === undefined && (op === 'update' || op === 'delete'))
    refuse(`--op ${op} needs the ids of the documents`, 'Name the field with --id.');
}

/** @throws UserError exit 2 */
function refuseVersions(field: string | undefined, kind: OperationKind): void {
  if (field !== undefined && (kind === 'update' || kind === 'create'))
    throw new UserError(`--external-version does not go with --op ${kind}`, {
      hint: 'Versions are compared by index and delete. A data stream takes only create.',
    });
}

function notAlias(index: string): UserError {
  return new UserError(`'${index}' is not an alias`, {
    code: 'NOT_AN_ALIAS',
    hint: 'Leave --require-alias out, or name an alias.',
  });
}

async function continueFrom(
  path: string | undefined,
  described: DescribedIndexing,
  source: RowSource,
  context: Context,
): Promise<IndexPlan['resume']> {
  if (path === undefined) return undefined;
  // With zod, which other runs do without.
  const { openCheckpoint } = await import('../../../lib/search/bulk/checkpoint.js');
  return continuing(await openCheckpoint(resolve(context.cwd, path), described), source, context);
}
