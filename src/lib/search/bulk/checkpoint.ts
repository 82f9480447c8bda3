import * as z from 'zod/mini';

import { ServiceConflict } from '../../core/errors.js';
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
  /** Indices behind the name, by uuid. */
  readonly indices: readonly string[];
}

/** What must be the same for a run to continue. */
export interface DescribedIndexing {
  readonly source: Pick<RowSource, 'identity'>;
  readonly rows: RowPlan;
  /** The cluster's address. */
  readonly address: string;
  readonly index: string;
  /** Behind the name, by uuid: an index that was deleted and created again is another. */
  readonly indices: readonly string[];
}

/** @throws as {@link Checkpoint.open}; ServiceConflict exit 4 when what the run before has written is not behind the name any more */
export async function openCheckpoint(
  path: string,
  { source, rows, address, index, indices }: DescribedIndexing,
): Promise<Checkpoint<IndexReached>> {
  const checkpoint = await Checkpoint.open<IndexReached>(path, {
    identity: { command: 'search index', source: source.identity, address, index, rows },
    reached: z
      .object({
        position: storedPosition(source.identity),
        read: storedCount,
        indexed: storedCount,
        rejected: storedCount,
        retried: storedCount,
        deadLetterBytes: storedCount,
        indices: z.array(z.string()),
      })
      .check(z.refine(addsUp, 'its counts do not add up')),
  });
  const before = checkpoint.reached?.indices ?? [];
  // A rollover adds an index.
  if (before.length > 0 && !before.some((uuid) => indices.includes(uuid)))
    throw new ServiceConflict(`'${index}' is another index than the one that ${path} is about`, {
      code: 'INDEX_REPLACED',
      hint: `What was written before is not there. Remove ${path}, and everything is indexed again.`,
    });
  return checkpoint;
}

function addsUp({ position, read, indexed, rejected }: IndexReached): boolean {
  return read === position.rows && read === indexed + rejected;
}
