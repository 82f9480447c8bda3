import type { PostgresClient } from '../../../lib/clients/postgres.js';
import type { MisfitRules } from '../../../lib/columnar/refusals.js';
import type { FileFormat } from '../../../lib/columnar/sink.js';
import { UserError } from '../../../lib/core/errors.js';
import type { ExportJob, ReadRows } from '../../../lib/export/export-query.js';
import { describeQuery, type ExportQuery } from '../../../lib/export/query.js';
import type { IncrementalRun } from '../../../lib/export/since/incremental-run.js';
import type { Context } from '../../../runtime/context.js';
import { createdBy } from '../../../version.js';
import { prepareIncremental } from './incremental.js';
import { openQuery } from './query.js';
import { prepareRows, type RowsJob } from './rows.js';
import { chooseTarget } from './target.js';
import { checkWriteFlags, type WriteInput, writeRules } from './write-flags.js';

/** A query of PostgreSQL, or rows of a file or stream. */
export type Prepared = PreparedQuery | RowsJob;

export interface PreparedQuery {
  readonly client: PostgresClient;
  readonly job: ExportJob;
  /** Default: this process reads the rows. */
  readonly readRows?: ReadRows;
  /** The job's update, where it is one. */
  readonly incremental: IncrementalRun | undefined;
}

/** @throws UserError exit 2; as the client */
export async function prepareExport(
  input: WriteInput,
  format: FileFormat & { readonly suffix: 'parquet' | 'orc' },
  misread: MisfitRules['misread'],
  context: Context,
): Promise<Prepared> {
  checkWriteFlags(input);
  const { to, partitionBy, rowGroupRows, sortBy, targetFileSize: fileBytes, grace } = input;
  const rules = writeRules(input, format.suffix, misread);
  if (to === undefined)
    throw new UserError('no target is given', { hint: 'Give --to FOLDER, or --to s3://BUCKET/PREFIX.' });
  const target = await chooseTarget(to, await context.settings(), context);
  const options = {
    ...{ format, partitionBy, rowGroupRows, createdBy },
    ...(fileBytes === undefined ? {} : { fileBytes }),
    ...(grace === undefined ? {} : { keepOldMs: grace }),
    ...(input.verify ? { readBack: context.signal } : {}),
  };
  if (input.file !== undefined || input.stdin)
    return prepareRows(input.file, input.types, rules, target, options, context);
  const { client, connect, sql, table } = await openQuery(input, context);
  const query = await client.readOnly(() => describeQuery(client, sql, partitionBy, rules));
  checkSortBy(sortBy, query);
  for (const warning of query.warnings) context.warn(warning);
  const incremental = await prepareIncremental(client, input, table, target, context.cwd);
  const { parallel: count, parallelBy: by } = input;
  const job: ExportJob = {
    ...options,
    ...{ query, sql, target, sortBy },
    ...(incremental ? { update: incremental } : {}),
    ...(count === 1 ? {} : { parallel: { count, connect, ...(by === undefined ? {} : { by }) } }),
  };
  return { client, job, incremental };
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
