// A strict TypeScript service. Compiling it is half of the test.
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import {
  type Cell,
  type ParquetRow,
  readParquet,
  type SavedDataset,
  saveParquet,
  type SaveOptions,
  UserError,
} from 'metrify/columnar';

const folder = await mkdtemp(join(tmpdir(), 'metrify-consumer-'));
try {
  const options: SaveOptions = {
    schema: { meter_id: 'int8', at: 'timestamptz', kwh: 'numeric(9,3)', place: { lat: 'float8' } },
    partitionBy: ['meter_id'],
    compression: 'brotli',
  };
  async function* readings(): AsyncGenerator<object> {
    yield { meter_id: 17n, at: new Date(0), kwh: '1.250', place: { lat: 52.5 } };
    yield { meter_id: 18, at: '2026-01-31 12:00:00+01', kwh: 2, place: null };
  }
  const saved: SavedDataset = await saveParquet(readings(), folder, options);
  assert.equal(saved.rows, 2);
  assert.deepEqual(
    saved.files.map(({ path }) => path),
    ['meter_id=17/part-00000.parquet', 'meter_id=18/part-00000.parquet'],
  );

  const rows: ParquetRow[] = [];
  for await (const row of readParquet(folder, { filters: 'kwh > 2', columns: ['kwh'] })) rows.push(row);
  assert.deepEqual(rows, []);
  for await (const { kwh, place } of readParquet(folder, { filters: ["meter_id = '17'"] })) {
    const cell: Cell | undefined = kwh;
    assert.equal(cell, '1.250');
    assert.deepEqual(place, { lat: 52.5 });
  }

  // @ts-expect-error: a compression that there is not.
  const mistaken: unknown = await saveParquet([], folder, { compression: 'zip' }).catch((e: unknown) => e);
  assert.ok(mistaken instanceof UserError);
  assert.equal(mistaken.code, 'SETTINGS_INVALID');
} finally {
  await rm(folder, { recursive: true });
}
