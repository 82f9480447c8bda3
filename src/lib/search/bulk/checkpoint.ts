import * as z from 'zod/mini';

import { storedCount } from '../../core/stored-count.js';
import { Checkpoint } from '../../runs/checkpoint.js';
import type { RowSource, SourcePosition } from '../../sources/row-source.js';
import { storedPosition } from '../../sources/stored-position.js';
import type { RowPlan } from './row-operation.js';

/** How far the indexing got: all rows up to `position` are settled. The order of the members is that of the file. */
export interface IndexReached {
  readonly position: SourcePosition;
  readonly read: number;
  readonly indexed: number;
  readonly rejected: number;
  readonly retried: number;
  /** Length of the dead-letter file at that time. */
  readonly deadLetterBytes: number;
}

/** What must be the same for a run to continue. */
export interface DescribedIndexing {
  readonly source: Pick<RowSource, 'identity'>;
  readonly rows: RowPlan;
  /** The cluster's address. */
  readonly address: string;
  readonly index: string;
  /** Of the concrete index: one that was deleted and created again is another. Undefined for an alias. */
  readonly uuid: string | undefined;
}

/** @throws as {@link Checkpoint.open} */
export function openCheckpoint(
  path: string,
  { source, rows, address, index, uuid }: DescribedIndexing,
): Promise<Checkpoint<IndexReached>> {
  return Checkpoint.open<IndexReached>(path, {
    identity: { command: 'search index', source: source.identity, address, index, uuid, rows },
    reached: z
      .object({
        position: storedPosition(source.identity),
        read: storedCount,
        indexed: storedCount,
        rejected: storedCount,
        retried: storedCount,
        deadLetterBytes: storedCount,
      })
      .check(z.refine(addsUp, 'its counts do not add up')),
  });
}

function addsUp({ position, read, indexed, rejected }: IndexReached): boolean {
  return read === position.rows && read === indexed + rejected;
}
