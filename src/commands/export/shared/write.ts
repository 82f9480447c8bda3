import { resolve } from 'node:path';

import { openPostgres, type PostgresClient } from '../../../lib/clients/postgres.js';
import { requireSystem } from '../../../lib/clients/systems.js';
import { profileOf, readers } from '../../../lib/columnar/postgres/profiles.js';
import type { Decimal } from '../../../lib/columnar/postgres/types.js';
import type { MisfitRules } from '../../../lib/columnar/refusals.js';
import type { FileFormat } from '../../../lib/columnar/sink.js';
import { typeName } from '../../../lib/columnar/type-name.js';
import { UserError } from '../../../lib/core/errors.js';
import { formatBytes, formatCount } from '../../../lib/core/units.js';
import { type ExportJob, exportQuery } from '../../../lib/export/export-query.js';
import { FolderTarget } from '../../../lib/export/folder-target.js';
import type { ManifestFile } from '../../../lib/export/manifest.js';
import { describeQuery } from '../../../lib/export/query.js';
import type { Outcome } from '../../../runtime/command.js';
import type { Context } from '../../../runtime/context.js';
import { flag, type FlagValues } from '../../../runtime/flags.js';
import type { Printer } from '../../../runtime/printer.js';
import { version } from '../../../version.js';
import { sourceFlags } from '../../shared/source/flags.js';
import { readQuery } from '../../shared/source/query.js';

/** Of both formats. */
export const writeFlags = {
  sql: sourceFlags.sql,
  to: flag.text({ placeholder: 'FOLDER', help: 'the dataset' }),
  partitionBy: flag.list({ placeholder: 'COLUMN', help: 'columns that make folders: NAME=VALUE' }),
  for: flag.choice(readers, { help: 'who reads the files, which decides how types are written', default: 'all' }),
  infinity: flag.choice(['error', 'null'], { help: 'what becomes of infinite times and numbers', default: 'error' }),
  numeric: flag.text({
    placeholder: 'P,S',
    help: 'digits, and how many of them are decimals, of numerics without a precision; otherwise these are text',
  }),
  rowGroupRows: flag.count({ help: 'rows of a row group or stripe at most', default: '122880' }),
};

export const createdBy = `metrify version ${version} (build unknown)`;

export interface Prepared {
  readonly client: PostgresClient;
  readonly job: ExportJob;
}

export interface Preview {
  readonly target: string;
  readonly schema: readonly { readonly name: string; readonly type: string }[];
}

export interface Result {
  readonly rows: number;
  readonly bytes: number;
  readonly files: readonly ManifestFile[];
  readonly schema: readonly { readonly name: string; readonly type: string }[];
}

/** @throws UserError exit 2; as the client */
export async function prepareExport(
  input: FlagValues<typeof writeFlags>,
  format: FileFormat & { readonly suffix: 'parquet' | 'orc' },
  misread: MisfitRules['misread'],
  context: Context,
): Promise<Prepared> {
  const { sql: written, to, partitionBy, rowGroupRows, infinity } = input;
  const rules = {
    profile: profileOf(format.suffix, input.for),
    numeric: input.numeric === undefined ? undefined : parseDecimal(input.numeric),
    misfits: { infinity, misread },
  };
  if (written === undefined) throw new UserError('no source is given', { hint: 'Give --sql.' });
  if (to === undefined) throw new UserError('no target is given', { hint: 'Give --to FOLDER.' });
  const sql = await readQuery(written, context.cwd);
  const settings = await context.settings();
  const postgres = requireSystem(settings, 'postgres', '--sql');
  const client = await openPostgres(postgres, settings, context.signal);
  context.closing(() => client.close());
  const query = await client.readOnly(() => describeQuery(client, sql, partitionBy, rules));
  for (const warning of query.warnings) context.warn(warning);
  const target = new FolderTarget(resolve(context.cwd, to));
  return { client, job: { query, sql, target, format, partitionBy, rowGroupRows, createdBy } };
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

export function previewExport({ job: { query, target } }: Prepared): Preview {
  return {
    target: target.name,
    schema: query.columns.map(({ name, type }) => ({ name, type: typeName(type) })),
  };
}

export function presentExportPreview({ target, schema }: Preview, printer: Printer): void {
  printer.line(`Would write to ${target}:`);
  for (const { name, type } of schema) printer.line(`  ${name}  ${type}`);
}

export async function runExport({ client, job }: Prepared, context: Context): Promise<Outcome<Result>> {
  const { rows, bytes, files, columns } = await context.during('exporting', 'rows', (progress) =>
    exportQuery(client, job, context.signal, progress),
  );
  for (const warning of job.query.refusals.warnings()) context.warn(warning);
  return { verdict: 'ok', result: { rows, bytes, files, schema: columns } };
}

export function presentExport({ rows, bytes, files }: Result, printer: Printer): void {
  printer.ok(`${formatCount(rows)} rows, ${formatBytes(bytes)} in ${formatCount(files.length)} files`);
}
