import { openPostgres, type PostgresClient } from '../../../lib/clients/postgres.js';
import { requireSystem } from '../../../lib/clients/systems.js';
import { profileOf, readers } from '../../../lib/columnar/reader-profiles.js';
import type { Decimal } from '../../../lib/columnar/postgres/types.js';
import type { MisfitRules } from '../../../lib/columnar/refusals.js';
import type { FileFormat } from '../../../lib/columnar/sink.js';
import { typeName } from '../../../lib/columnar/type-name.js';
import { UserError } from '../../../lib/core/errors.js';
import { counted, formatBytes, formatCount } from '../../../lib/core/units.js';
import { estimateQuery } from '../../../lib/export/estimate.js';
import { type ExportJob, exportQuery, type ReadRows } from '../../../lib/export/export-query.js';
import type { Manifest, ManifestFile } from '../../../lib/export/manifest.js';
import { describeQuery, type ExportQuery } from '../../../lib/export/query.js';
import type { NightSummary } from '../../../lib/export/since/night.js';
import { findTable } from '../../../lib/export/table.js';
import { quoteIdentifier } from '../../../lib/sql/quote.js';
import type { Outcome } from '../../../runtime/command.js';
import type { Context } from '../../../runtime/context.js';
import { flag, type FlagValues } from '../../../runtime/flags.js';
import type { Printer } from '../../../runtime/printer.js';
import { createdBy } from '../../../version.js';
import { sourceFlags } from '../../shared/source/flags.js';
import { readQuery } from '../../shared/source/query.js';
import { checkNightFlags, nightFlags, prepareNight } from './night.js';
import { remedies } from './remedies.js';
import { prepareRows, previewRows, rowFlags, type RowsJob, runRows } from './rows.js';
import { chooseTarget, targetFlags } from './target.js';

/** Of both formats. */
export const writeFlags = {
  sql: sourceFlags.sql,
  table: flag.text({ placeholder: 'TABLE', help: 'rows of a table or view' }),
  ...rowFlags,
  ...targetFlags,
  partitionBy: flag.list({ placeholder: 'COLUMN', help: 'columns that make folders: NAME=VALUE' }),
  for: flag.choice(readers, {
    help: 'who reads the files, which decides how types are written',
    default: 'all',
  }),
  infinity: flag.choice(['error', 'null'], {
    help: 'what becomes of infinite times and numbers',
    default: 'error',
  }),
  numeric: flag.text({
    placeholder: 'P,S',
    help: 'digits, and how many of them are decimals, of numerics without a precision; otherwise these are text',
  }),
  ...nightFlags,
  sortBy: flag.list({ placeholder: 'COLUMN', help: 'columns that the rows of each file are sorted by' }),
  targetFileSize: flag.size({ help: 'after which a file is followed by another' }),
  parallel: flag.count({ help: 'connections that read at a time, all in one snapshot', default: '1' }),
  parallelBy: flag.text({
    placeholder: 'COLUMN',
    help: 'by whose values the rows are divided for --parallel; otherwise by where they lie in their table',
  }),
  rowGroupRows: flag.count({ help: 'rows of a row group or stripe at most', default: '122880' }),
};

/** A query of PostgreSQL, or rows of a file or stream. */
export type Prepared = PreparedQuery | RowsJob;

export interface PreparedQuery {
  readonly client: PostgresClient;
  readonly job: ExportJob;
  /** Default: this process reads the rows. */
  readonly read?: ReadRows;
}

export interface Preview {
  readonly target: string;
  readonly schema: readonly { readonly name: string; readonly type: string }[];
  readonly partitionBy: readonly string[];
  /** As PostgreSQL's planner expects it; bytes are those before compression. Nobody knows it of files. */
  readonly estimate?: { readonly rows: number; readonly bytes: number; readonly partitions: number };
}

export interface Result {
  readonly rows: number;
  readonly bytes: number;
  readonly files: readonly ManifestFile[];
  readonly since?: NightSummary;
  readonly schema: readonly { readonly name: string; readonly type: string }[];
}

/** @throws UserError exit 2; as the client */
export async function prepareExport(
  input: FlagValues<typeof writeFlags>,
  format: FileFormat & { readonly suffix: 'parquet' | 'orc' },
  misread: MisfitRules['misread'],
  context: Context,
): Promise<Prepared> {
  const { to, partitionBy, rowGroupRows, infinity, sortBy, targetFileSize: fileBytes } = input;
  const rules = {
    profile: profileOf(format.suffix, input.for),
    numeric: input.numeric === undefined ? undefined : parseDecimal(input.numeric),
    misfits: { infinity, misread, remedies },
  };
  checkSource(input);
  checkNightFlags(input);
  if (sortBy.length > 0 && input.parallel > 1)
    throw new UserError('rows that several connections read come in no order', {
      hint: 'Give --sort-by without --parallel.',
    });
  if (to === undefined)
    throw new UserError('no target is given', { hint: 'Give --to FOLDER, or --to s3://BUCKET/PREFIX.' });
  const settings = await context.settings();
  const target = await chooseTarget(to, settings, context);
  const options = {
    ...{ format, partitionBy, rowGroupRows, createdBy },
    ...(fileBytes === undefined ? {} : { fileBytes }),
  };
  if (input.file !== undefined || input.stdin)
    return prepareRows(input.file, input.types, rules, target, options, context);
  const written = input.sql === undefined ? undefined : await readQuery(input.sql, context.cwd);
  const postgres = requireSystem(settings, 'postgres', written === undefined ? '--table' : '--sql');
  const connect = () => openPostgres(postgres, settings, context.signal);
  const client = await connect();
  context.closing(() => client.close());
  const table =
    written === undefined ? await client.readOnly(() => findTable(client, input.table!)) : undefined;
  const sql = written ?? table!.sql;
  const query = await client.readOnly(() => describeQuery(client, sql, partitionBy, rules));
  checkSortBy(sortBy, query);
  for (const warning of query.warnings) context.warn(warning);
  const night = await prepareNight(client, input, table?.name, target, context.cwd);
  const { parallel: count, parallelBy: by } = input;
  const job: ExportJob = {
    ...options,
    ...{ query, sql, target, sortBy },
    ...(night ? { night } : {}),
    ...(count === 1 ? {} : { parallel: { count, connect, ...(by === undefined ? {} : { by }) } }),
  };
  return { client, job };
}

/** @throws UserError exit 2 */
function checkSource(input: FlagValues<typeof writeFlags>): void {
  const { sql, table, file, stdin, types, sortBy, parallel, parallelBy } = input;
  const given = [sql !== undefined, table !== undefined, file !== undefined, stdin].filter(Boolean).length;
  if (given !== 1)
    throw new UserError(given === 0 ? 'no source is given' : 'more than one source is given', {
      hint: 'Give one of --sql, --table, --file and --stdin.',
    });
  const isFile = file !== undefined || stdin;
  if (types && !isFile)
    throw new UserError('--types goes with --file and --stdin', {
      hint: 'PostgreSQL knows the types of its columns, and a query can cast them.',
    });
  if (isFile && (sortBy.length > 0 || parallel > 1 || parallelBy !== undefined))
    throw new UserError('the rows of a file are read in their order, by one reader', {
      hint: 'Leave --sort-by, --parallel and --parallel-by out.',
    });
}

/** @throws UserError exit 2 */
function checkSortBy(sortBy: readonly string[], { columns }: ExportQuery): void {
  const names = columns.map(({ name }) => name);
  const missing = sortBy.find((name) => !names.includes(name));
  if (missing !== undefined)
    throw new UserError(`there is no column '${missing}' to sort by`, {
      code: 'COLUMN_MISSING',
      hint: `There are ${names.join(', ')}.`,
    });
}

/** @throws UserError exit 2 */
function parseDecimal(text: string): Decimal {
  const [, precision, scale] = (/^(\d+)\s*,\s*(\d+)$/.exec(text) ?? []).map(Number);
  if (!precision || scale === undefined || precision > 38 || scale > precision)
    throw new UserError(`'${text}' does not say how many digits a number has`, {
      hint: 'Give --numeric PRECISION,SCALE: from 1 to 38 digits, and how many of them are decimals, as 38,10.',
    });
  return { precision, scale };
}

export async function previewExport(prepared: Prepared): Promise<Preview> {
  if ('source' in prepared) return previewRows(prepared);
  const { client, job } = prepared;
  const { query, sql, target, partitionBy } = job;
  const names = partitionBy.map(quoteIdentifier).join(', ');
  const distinct = `SELECT DISTINCT ${names} FROM (${sql}) AS query`;
  return client.readOnly(async () => ({
    target: target.name,
    schema: query.columns.map(({ name, type }) => ({ name, type: typeName(type) })),
    partitionBy,
    estimate: {
      ...(await estimateQuery(client, query.sql)),
      partitions: partitionBy.length === 0 ? 1 : (await estimateQuery(client, distinct)).rows,
    },
  }));
}

export function presentExportPreview(preview: Preview, printer: Printer): void {
  const { target, schema, partitionBy, estimate } = preview;
  const size =
    estimate &&
    ` about ${formatCount(estimate.rows)} rows, ${formatBytes(estimate.bytes)} before compression,`;
  printer.line(`Would write${size ?? ''} to ${target}`);
  if (partitionBy.length > 0) {
    const number = estimate ? `about ${formatCount(estimate.partitions)} ` : '';
    printer.line(`in ${number}partitions by ${partitionBy.join(', ')}:`);
  }
  for (const { name, type } of schema) printer.line(`  ${name}  ${type}`);
}

export async function runExport(prepared: Prepared, context: Context): Promise<Outcome<Result>> {
  const { manifest, notes } = await context.during('exporting', 'rows', (progress) =>
    'source' in prepared
      ? runRows(prepared, context, progress)
      : exportQuery(prepared.client, prepared.job, context.signal, progress, prepared.read),
  );
  for (const note of notes) context.warn(note);
  const { refusals } = 'source' in prepared ? prepared.rows : prepared.job.query;
  const night = 'source' in prepared ? undefined : prepared.job.night;
  for (const warning of [...(night?.warnings() ?? []), ...refusals.warnings()]) context.warn(warning);
  return { verdict: 'ok', result: { ...resultOf(manifest), ...(night ? { since: night.summary() } : {}) } };
}

function resultOf({ rows, bytes, files, columns }: Manifest): Result {
  return { rows, bytes, files, schema: columns };
}

export function presentExport({ rows, bytes, files }: Result, printer: Printer): void {
  printer.ok(`${counted(rows, 'row')}, ${formatBytes(bytes)} in ${counted(files.length, 'file')}`);
}
