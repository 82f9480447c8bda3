import { Batch } from '../batch.js';
import { type Slice } from './decoders.js';
import { CopyMalformed, TupleIndex } from './tuple-index.js';
import type { Field } from '../type.js';
import type { Mapped } from './types.js';

/**
 * The rows of a COPY in batches. A batch is given again and again: it is to be used up before the next one is asked for.
 * @param capacity most rows of a batch
 * @throws CopyMalformed, ValueRefused, and as the statement
 */
export async function* readBatches(
  blocks: AsyncIterable<Buffer>,
  columns: readonly (Field & Mapped)[],
  capacity: number,
): AsyncGenerator<Batch> {
  const index = new TupleIndex(columns.length);
  const batch = new Batch(columns, capacity);
  for await (const block of blocks) {
    index.read(block);
    for (let from = 0; from < index.rows;) {
      const to = Math.min(index.rows, from + capacity - batch.rows);
      const { starts, lengths } = index;
      const slice: Slice = { block, starts, lengths, stride: columns.length, from, to, row: batch.rows };
      for (let field = 0; field < columns.length; field++)
        columns[field]!.decode(slice, field, batch.columns[field]!);
      batch.rows += to - from;
      from = to;
      if (batch.rows === capacity) {
        yield batch;
        batch.clear();
      }
    }
  }
  if (!index.isComplete) throw new CopyMalformed('it ends without its trailer');
  if (batch.rows > 0) yield batch;
}
