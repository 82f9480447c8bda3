import { join } from 'node:path';

import pg from 'pg';
import { expect, test } from 'vitest';

import { scaled } from '../../scale.js';
import { openLake } from '../../servers/lake.js';
import { needs } from '../../servers/needs.js';
import { ownDatabase } from '../../servers/shared.js';
import { loadSimbench } from '../../servers/simbench.js';
import { temporaryDirectory } from '../../servers/process.js';
import { metrify } from '../run.js';

const readings = `SELECT meter_id, ts, kwh, kvarh, profile AS sensor_type, to_char(ts AT TIME ZONE 'UTC', 'YYYY-MM') AS month
  FROM readings JOIN meters USING (meter_id)`;

/** Of each partition: rows, exact sums, and a sum of hashes that does not depend on the order of rows. */
const totals = (hash: (text: string) => string, micros: string, from: string) =>
  `SELECT sensor_type, month, count(*)::text, sum(kwh)::text, sum(kvarh)::text,
     sum(${hash(`meter_id::text || '|' || (${micros})::text || '|' || kwh::text || '|' || kvarh::text`)})::text
   FROM (${from}) AS rows GROUP BY 1, 2 ORDER BY 1, 2`;
const inPostgres = totals(
  (text) => `('x' || substr(md5(${text}), 1, 15))::bit(60)::int8`,
  'extract(epoch FROM ts)::int8 * 1000000',
  readings,
);
const inDuckdb = (folder: string) =>
  totals(
    (text) => `('0x' || substr(md5(${text}), 1, 15))::int8::hugeint`,
    'epoch_us(ts)',
    `SELECT * FROM read_parquet('${folder}/**/*.parquet', hive_partitioning = true, hive_types = {'sensor_type': varchar, 'month': varchar})`,
  );

needs(
  'postgres',
  'lake',
  'simbench',
)('SimBench: days of readings of 36,063 loads', () => {
  test('by sensor type and month, equal by value', async () => {
    const database = await ownDatabase();
    // 15 hours, or by `npm run long` six days.
    const data = await loadSimbench(database.url, { days: Math.min(6, scaled(5) / 8) });
    const lake = await openLake();
    const directory = await temporaryDirectory('lake');
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    try {
      const folder = join(directory.path, 'readings');
      const { code, json } = await metrify(
        [
          'export',
          'parquet',
          '--sql',
          readings,
          '--to',
          folder,
          '--partition-by',
          'sensor_type,month',
          '--json',
        ],
        { env: { METRIFY_POSTGRES_URL: database.url } },
      );
      expect(code).toBe(0);
      expect(json<{ result: { rows: number } }>().result.rows).toBe(data.readings);
      const expected = await client.query<string[]>({ text: inPostgres, rowMode: 'array' });
      const found = await lake.duckdb(inDuckdb(folder));
      expect(found.rows.length).toBeGreaterThan(10);
      expect(found.rows).toEqual(expected.rows);
    } finally {
      await Promise.all([client.end(), lake.close(), directory.remove()]);
    }
  });
});
