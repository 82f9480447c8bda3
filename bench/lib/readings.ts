import { rm } from 'node:fs/promises';
import { join } from 'node:path';

import { startPostgres } from '../../test/servers/postgres.js';
import { lacking } from '../../test/servers/require.js';
import { type Bench, metrify } from './bench.js';
import { type Run, type RunOptions, shell } from './run.js';

/** A PostgreSQL with a table of readings: of 40,000 meters, every 15 minutes, as they come in. */
export interface Readings {
  readonly url: string;
  readonly rows: number;
  /** Reads them and throws them away. */
  psql(): Promise<Run>;
  /** Writes them to `folder`, which is emptied first. */
  export(format: 'parquet' | 'orc', flags?: readonly string[], options?: ExportOptions): Promise<Run>;
  readonly folder: string;
}

interface ExportOptions extends Partial<RunOptions> {
  /** Default: all columns of the table. */
  readonly sql?: string;
}

const query = 'SELECT * FROM readings';
export const meters = 40_000;

export async function openReadings(bench: Bench, rows: number): Promise<Readings> {
  const missing = lacking('postgres', 'psql');
  if (missing.length > 0) throw new Error(missing.join('; '));
  const postgres = await startPostgres({ settings: { shared_buffers: '1GB' } });
  bench.closing(() => postgres.stop());
  await postgres.sql(
    'postgres',
    `SELECT setseed(0.5);
     CREATE TABLE readings AS SELECT (i % ${meters})::int AS meter_id,
       timestamptz '2026-01-01' + i / ${meters} * interval '1 year' / ceil(${rows} / ${meters}.0) AS time,
       round((random() * random() * 500)::numeric, 2)::float8 AS value,
       (ARRAY['electricity', 'water', 'gas', 'heat'])[1 + i % 4] AS sensor_type,
       i % 1000 = 0 AS is_estimated
     FROM generate_series(0, ${rows - 1}) i;
     ANALYZE readings`,
  );
  const folder = join(bench.directory, 'readings');
  return {
    url: postgres.url,
    rows,
    folder,
    psql: () =>
      shell(`psql '${postgres.url}' -qc "COPY (${query}) TO STDOUT (FORMAT binary)" > /dev/null`, { bench }),
    async export(format, flags = [], { sql = query, ...options } = {}) {
      await rm(folder, { recursive: true, force: true });
      return metrify(
        bench,
        ['export', format, '--sql', sql, '--to', folder, ...flags, '--json'],
        { METRIFY_POSTGRES_URL: postgres.url },
        options,
      );
    },
  };
}

interface Written {
  readonly rows: number;
  readonly bytes: number;
  readonly files: readonly unknown[];
}

/** What an export says it has written. */
export function writtenBy({ stdout }: Run): Written {
  return (JSON.parse(stdout) as { readonly result: Written }).result;
}
