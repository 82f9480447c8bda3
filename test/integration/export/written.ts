import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';

import { openPostgres } from '../../../src/lib/clients/postgres.js';
import { orcCodecs } from '../../../src/lib/columnar/orc/codec.js';
import { OrcFileWriter } from '../../../src/lib/columnar/orc/file-writer.js';
import { codecs } from '../../../src/lib/columnar/parquet/codec.js';
import { ParquetFileWriter } from '../../../src/lib/columnar/parquet/file-writer.js';
import { Scratch } from '../../../src/lib/columnar/parquet/scratch.js';
import { profileOf, type Reader } from '../../../src/lib/columnar/reader-profiles.js';
import type { Decimal } from '../../../src/lib/columnar/postgres/types.js';
import type { MisfitRules } from '../../../src/lib/columnar/refusals.js';
import type { FileFormat, FileWriter } from '../../../src/lib/columnar/sink.js';
import { exportQuery } from '../../../src/lib/export/export-query.js';
import { FolderTarget } from '../../../src/lib/export/folder-target.js';
import { describeQuery } from '../../../src/lib/export/query.js';

export interface Writing {
  readonly format?: 'parquet' | 'orc';
  readonly reader?: Reader;
  readonly numeric?: Decimal;
  readonly infinity?: MisfitRules['infinity'];
  readonly misread?: MisfitRules['misread'];
}

export const createdBy = 'metrify version 0.0.0 (build 0)';

/** Exports a query within this process, into a new folder of `parent`. @returns the path of its one file */
export async function written(url: string, sql: string, parent: string, options: Writing = {}) {
  const { format = 'parquet', reader = 'all', infinity = 'error', misread = 'keep' } = options;
  const folder = await mkdtemp(join(parent, `${reader}-`));
  const { signal } = new AbortController();
  const client = await openPostgres({ url }, { connectTimeoutMs: 60_000, requestTimeoutMs: 60_000 }, signal);
  try {
    const rules = {
      profile: profileOf(format, reader),
      numeric: options.numeric,
      misfits: { infinity, misread },
    };
    const query = await client.readOnly(() => describeQuery(client, sql, [], rules));
    const target = new FolderTarget(folder);
    const job = { query, sql, target, format: formats[format], partitionBy: [], rowGroupRows: 20, createdBy };
    const { manifest } = await exportQuery(client, job, signal, { update: () => {} });
    return {
      path: join(folder, manifest.files[0]!.path),
      manifest,
      warnings: [...query.warnings, ...query.refusals.warnings()],
    };
  } finally {
    await client.close();
  }
}

/** Without metadata: then the same rows are the same bytes, wherever they came from. */
export const formats: Readonly<Record<'parquet' | 'orc', FileFormat>> = {
  parquet: {
    suffix: 'parquet',
    open: (sink, schema) =>
      bare(new ParquetFileWriter(sink, schema, { codec: codecs.snappy, createdBy, scratch: new Scratch() })),
  },
  orc: {
    suffix: 'orc',
    open: (sink, schema) => bare(new OrcFileWriter(sink, schema, { codec: orcCodecs.zlib })),
  },
};

function bare(writer: FileWriter): FileWriter {
  return {
    get rows() {
      return writer.rows;
    },
    write: (batch) => writer.write(batch),
    end: () => writer.end(),
  };
}
