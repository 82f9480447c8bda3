import { typeName } from '../../../lib/columnar/type-name.js';
import { estimateQuery } from '../../../lib/export/estimate.js';
import { exportQuery } from '../../../lib/export/export-query.js';
import { type ExportPreview, type ExportResult, resultOf } from '../../../lib/export/result.js';
import { quoteIdentifier } from '../../../lib/sql/quote.js';
import type { Outcome } from '../../../runtime/command.js';
import type { Context } from '../../../runtime/context.js';
import type { Prepared } from './prepare.js';
import { previewRows, runRows } from './rows.js';

export async function previewExport(prepared: Prepared): Promise<ExportPreview> {
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

export async function runExport(prepared: Prepared, context: Context): Promise<Outcome<ExportResult>> {
  const exported = await context.during('exporting', 'rows', (progress) =>
    'source' in prepared
      ? runRows(prepared, context, progress)
      : exportQuery(prepared.client, prepared.job, context.signal, progress, prepared.readRows),
  );
  for (const note of exported.notes) context.warn(note);
  const { refusals } = 'source' in prepared ? prepared.rows : prepared.job.query;
  const incremental = 'source' in prepared ? undefined : prepared.incremental;
  for (const warning of [...(incremental?.warnings() ?? []), ...refusals.warnings()]) context.warn(warning);
  const { readBack, format } = 'source' in prepared ? prepared.options : prepared.job;
  // metrify does not read ORC.
  const verified = readBack && (format.suffix === 'parquet' ? 'rows' : 'bytes');
  const result = resultOf(exported, incremental?.summary(), verified);
  return { verdict: 'ok', result };
}
