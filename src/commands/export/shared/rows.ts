import { resolve } from 'node:path';

import { type ColumnType, parseColumnTypes } from '../../../lib/columnar/rows/column-types.js';
import { typeName } from '../../../lib/columnar/type-name.js';
import type { Progress } from '../../../lib/core/progress.js';
import type { DatasetOptions } from '../../../lib/export/dataset.js';
import { exportRows } from '../../../lib/export/export-rows.js';
import type { WriteRules } from '../../../lib/export/query.js';
import { describeRows, type ExportRows } from '../../../lib/export/rows.js';
import type { Exported } from '../../../lib/export/result.js';
import type { Target } from '../../../lib/export/target.js';
import { openFileSource, openStdinSource } from '../../../lib/sources/open.js';
import type { RowSource } from '../../../lib/sources/row-source.js';
import type { Context } from '../../../runtime/context.js';
import { flag, type Flags } from '../../../runtime/flags.js';
import { sourceFlags } from '../../shared/source/flags.js';

export const rowFlags = {
  file: sourceFlags.file,
  stdin: sourceFlags.stdin,
  types: flag.parsed('COLUMN:TYPE,…', parseColumnTypes, {
    help: 'types of columns of --file and --stdin, as PostgreSQL names them; the others are text',
  }),
} satisfies Flags;

/** Rows of a file or stream, and where they go. */
export interface RowsJob {
  readonly source: RowSource;
  readonly rows: ExportRows;
  readonly target: Target;
  readonly options: DatasetOptions;
}

/** @param file undefined: standard input. @throws UserError exit 2 */
export async function prepareRows(
  file: string | undefined,
  types: readonly ColumnType[] | undefined,
  rules: WriteRules,
  target: Target,
  options: Omit<DatasetOptions, 'query' | 'reader'>,
  context: Context,
): Promise<RowsJob> {
  const source = await (file === undefined
    ? openStdinSource(context.terminal.stdin)
    : openFileSource(resolve(context.cwd, file)));
  context.closing(() => source.close());
  const names = source.columns.map(({ name }) => name);
  const rows = describeRows(names, types ?? [], options.partitionBy, rules);
  for (const warning of rows.warnings) context.warn(warning);
  if (!types) context.warn('all columns are text; --types gives them others');
  return { source, rows, target, options: { ...options, query: source.label, reader: rules.profile.reader } };
}

export function previewRows({ rows, target, options }: RowsJob): {
  readonly target: string;
  readonly schema: readonly { readonly name: string; readonly type: string }[];
  readonly partitionBy: readonly string[];
} {
  return {
    target: target.name,
    schema: rows.columns.map(({ name, type }) => ({ name, type: typeName(type) })),
    partitionBy: options.partitionBy,
  };
}

export async function runRows(
  { source, rows, target, options }: RowsJob,
  context: Context,
  progress: Progress,
): Promise<Exported> {
  const manifest = await exportRows(source, rows, target, options, context.signal, progress);
  return { manifest, written: manifest.files, notes: [] };
}
