import { expect, it } from 'vitest';

import type { FileFormat } from '../../../src/lib/columnar/sink.js';
import type { Schema } from '../../../src/lib/columnar/type.js';
import { PartitionWriter } from '../../../src/lib/export/partition-writer.js';
import { batchOf } from '../columnar/batches.js';
import { text } from '../columnar/tables.js';

const schema: Schema = ['note', 'partition'].map((name) => ({ name, type: text }));
const mebibyte = 1024 * 1024;
const valueBytes = 10_000;
const partitions = 200;

it('rows that wait for their partitions are bounded together, whatever their order is', async () => {
  let written = 0;
  const format: FileFormat = {
    suffix: 'none',
    open: () => ({
      rows: 0,
      write: (batch) => Promise.resolve(void (written += batch.rows)),
      end: () => Promise.resolve(),
    }),
  };
  const options = { format, partitionBy: ['partition'], rowGroupRows: 100_000 };
  const writer = new PartitionWriter(schema.slice(0, 1), options, (folder) => ({
    path: folder,
    bytes: 0,
    write: () => Promise.resolve(),
    finish: () => Promise.resolve('hash'),
  }));
  let given = 0;
  let most = 0;
  for (let round = 0; round < 12; round++) {
    const rows = Array.from({ length: 1000 }, (_, i) => [
      `${round} ${i} `.padEnd(valueBytes, 'x'),
      `p${i % partitions}`,
    ]);
    await writer.write(batchOf(schema, rows));
    given += rows.length;
    most = Math.max(most, (given - written) * valueBytes);
  }
  expect(most).toBeGreaterThan(10 * mebibyte);
  expect(most).toBeLessThan(64 * mebibyte);
  expect(await writer.end({ evenEmpty: false })).toHaveLength(partitions);
  expect(written).toBe(given);
});
