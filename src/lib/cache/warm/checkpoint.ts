import * as z from 'zod/mini';

import { storedCount } from '../../core/stored-count.js';
import { Checkpoint } from '../../runs/checkpoint.js';
import type { SourcePosition } from '../../sources/row-source.js';
import { storedPosition } from '../../sources/stored-position.js';
import type { WarmPlan } from './plan.js';

/** What became of a level's entries. */
export interface LevelCounts {
  written: number;
  skipped: number;
  failed: number;
  /** Of keys and values written. */
  bytes: number;
}

/** How far a warm got: all rows up to `position` are settled. The order of the members is that of the file. */
export interface WarmReached {
  position: SourcePosition;
  read: number;
  /** In the plan's order. Rows that have no entry count as failed on the first level. */
  levels: LevelCounts[];
  /** Length of the dead-letter file at that time. */
  deadLetterBytes: number;
}

/** What the plan says before its checkpoint is read. */
type Described = Pick<WarmPlan, 'levels' | 'key' | 'value' | 'ttlMs' | 'ttlJitter' | 'nx'> & {
  source: Pick<WarmPlan['source'], 'identity'>;
};

/** @throws as {@link Checkpoint.open} */
export function openCheckpoint(path: string, plan: Described): Promise<Checkpoint<WarmReached>> {
  return Checkpoint.open(path, { identity: identityOf(plan), reached: reachedBy(plan) });
}

/** What must be the same for a warm to continue. The names are those of the file. */
function identityOf({ source, key, value, ttlMs, ttlJitter, nx, levels }: Described): object {
  const targets = levels.map(({ name, target }) => `${name}=${target}`);
  return { source: source.identity, key, value, ttlMs, ttlJitter, nx, targets };
}

function reachedBy({ source, levels }: Described): z.ZodMiniType<WarmReached> {
  const counts = z.object({
    written: storedCount,
    skipped: storedCount,
    failed: storedCount,
    bytes: storedCount,
  });
  return z
    .object({
      position: storedPosition(source.identity),
      read: storedCount,
      levels: z.array(counts).check(z.length(levels.length, { abort: true })),
      deadLetterBytes: storedCount,
    })
    .check(z.refine(addsUp, 'its counts do not add up'));
}

/** Every row that was read is settled: once on the first level, and on the others unless it was rejected before them. */
function addsUp({ position, read, levels: [first, ...others] }: WarmReached): boolean {
  return (
    read === position.rows &&
    settled(first!) === read &&
    others.every((level) => settled(level) <= read && settled(level) >= read - first!.failed)
  );
}

function settled({ written, skipped, failed }: LevelCounts): number {
  return written + skipped + failed;
}
