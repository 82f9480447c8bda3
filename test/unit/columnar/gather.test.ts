import fc from 'fast-check';
import { expect, test } from 'vitest';

import { Batch } from '../../../src/lib/columnar/batch.js';
import { cellsOf } from '../../../src/lib/columnar/cells.js';
import { appendRows, placesInBatch } from '../../../src/lib/columnar/gather.js';
import { batchOf } from './batches.js';
import { tables } from './tables.js';

/** All values by row. */
function contentOf(batch: Batch): unknown[][] {
  const cells = batch.schema.map(({ type }, i) => cellsOf(batch.columns[i]!, type, batch.rows));
  return Array.from({ length: batch.rows }, (_, row) => cells.map((cell) => cell(row)));
}

test('rows that are appended to another batch, in several parts, are the rows that were named', () => {
  fc.assert(
    fc.property(
      tables,
      fc.array(fc.array(fc.nat(), { maxLength: 10 }), { maxLength: 6 }),
      ([schema, rows], parts) => {
        const source = batchOf(schema, rows);
        const places = placesInBatch(source);
        const target = new Batch(schema, 1);
        const chosen = rows.length === 0 ? [] : parts.map((part) => part.map((n) => n % rows.length));
        for (const part of chosen) appendRows(target, source, places, Int32Array.from(part));
        const wanted = batchOf(
          schema,
          chosen.flat().map((row) => rows[row]!),
        );
        expect(contentOf(target)).toEqual(contentOf(wanted));
        expect(contentOf(source)).toEqual(contentOf(batchOf(schema, rows)));
      },
    ),
  );
});
