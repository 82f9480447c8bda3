import { resolve } from 'node:path';

import { codecs, type CodecName } from '../../lib/columnar/parquet/codec.js';
import { BatchReader } from '../../lib/columnar/postgres/batch-reader.js';
import { openPostgres, type PostgresClient } from '../../lib/clients/postgres.js';
import { requireSystem } from '../../lib/clients/systems.js';
import { UserError } from '../../lib/core/errors.js';
import { Dataset } from '../../lib/export/dataset.js';
import type { ManifestFile } from '../../lib/export/manifest.js';
import { describeQuery, type ExportQuery } from '../../lib/export/query.js';
import { formatBytes, formatCount } from '../../lib/core/units.js';
import { changeCommand } from '../../runtime/command.js';
import { flag } from '../../runtime/flags.js';
import { version } from '../../version.js';
import { sourceFlags } from '../shared/source/flags.js';
import { readQuery } from '../shared/source/query.js';

/** Of rows that are still to be divided: so many that the loops over columns pay. */
const dividedRows = 32_768;

interface Prepared {
  readonly client: PostgresClient;
  readonly query: ExportQuery;
  readonly sql: string;
  readonly folder: string;
  readonly partitionBy: readonly string[];
  readonly rowGroupRows: number;
  readonly compression: CodecName;
}

interface Result {
  readonly rows: number;
  readonly bytes: number;
  readonly files: readonly ManifestFile[];
  readonly schema: readonly { readonly name: string; readonly type: string }[];
}

export const parquet = changeCommand({
  name: 'export parquet',
  summary: 'write the rows of a query to a folder of Parquet files',
  synonyms: ['dump', 'unload'],
  flags: {
    sql: sourceFlags.sql,
    to: flag.text({ placeholder: 'FOLDER', help: 'the dataset' }),
    partitionBy: flag.list({ placeholder: 'COLUMN', help: 'columns that make folders: NAME=VALUE' }),
    compression: flag.choice(Object.keys(codecs) as CodecName[], {
      help: 'of pages',
      default: 'snappy',
    }),
    rowGroupRows: flag.count({ help: 'rows of a row group at most', default: '122880' }),
  },
  examples: [
    {
      does: 'readings by sensor type',
      command:
        "metrify export parquet --sql 'select * from readings' --to lake/readings --partition-by sensor_type",
    },
  ],

  async prepare(input, context): Promise<Prepared> {
    if (input.sql === undefined) throw new UserError('no source is given', { hint: 'Give --sql.' });
    if (input.to === undefined) throw new UserError('no target is given', { hint: 'Give --to FOLDER.' });
    const sql = await readQuery(input.sql, context.cwd);
    const settings = await context.settings();
    const postgres = requireSystem(settings, 'postgres', '--sql');
    const client = await openPostgres(postgres, settings, context.signal);
    context.closing(() => client.close());
    const query = await client.readOnly(() => describeQuery(client, sql, input.partitionBy));
    return {
      client,
      query,
      sql,
      folder: resolve(context.cwd, input.to),
      partitionBy: input.partitionBy,
      rowGroupRows: input.rowGroupRows,
      compression: input.compression,
    };
  },

  preview: ({ query, folder }) => ({
    folder,
    schema: query.columns.map(({ name, type }) => ({ name, type: type.storage })),
  }),

  presentPreview({ folder, schema }, printer) {
    printer.line(`Would write to ${folder}:`);
    for (const { name, type } of schema) printer.line(`  ${name}  ${type}`);
  },

  async run({ client, query, sql, folder, partitionBy, rowGroupRows, compression }, context) {
    const dataset = await Dataset.open(folder, query.columns, {
      codec: codecs[compression],
      createdBy: `metrify version ${version} (build 0)`,
      metadata: { 'metrify.query': sql },
      partitionBy,
      rowGroupRows,
      query: sql,
    });
    context.closing(() => dataset.close());
    const end = await client.beginReadOnly({ statementTimeoutMs: 0 });
    try {
      await context.during('exporting', 'rows', async (progress) => {
        let rows = 0;
        const columns = [...query.columns, ...query.partitions];
        const reader = new BatchReader(columns, batchRows(partitionBy, rowGroupRows), async (batch) => {
          await dataset.write(batch);
          progress.update((rows += batch.rows));
        });
        const { signal } = context;
        await client.copyBlocks(
          `COPY (${query.sql}) TO STDOUT (FORMAT binary)`,
          (block) => reader.take(block),
          { signal },
        );
        await reader.end();
      });
    } finally {
      await end();
    }
    const manifest = await dataset.finish();
    const { rows, bytes, files, columns } = manifest;
    const result: Result = { rows, bytes, files, schema: columns };
    return { verdict: 'ok', result };
  },

  counts: ({ rows, files }) => ({ rows, files: files.length }),

  present({ rows, bytes, files }, printer) {
    printer.ok(`${formatCount(rows)} rows, ${formatBytes(bytes)} in ${formatCount(files.length)} files`);
  },
});

function batchRows(partitionBy: readonly string[], rowGroupRows: number): number {
  return partitionBy.length === 0 ? rowGroupRows : dividedRows;
}
