import { silentProgress } from '../../core/progress.js';
import type { LoadPlan } from '../generator.js';
import { runPlan } from '../run-plan.js';
import type { LoadResult } from '../result.js';
import type { Slice } from './slice.js';

/** A slice of load on A or B. */
export interface Turn {
  readonly side: 'a' | 'b';
  readonly slice: Slice;
  readonly result: LoadResult;
}

/**
 * Takes a turn with each of two plans, again and again: A B B A A B B A…, so that what rises or falls meanwhile does so for
 * both. A turn lasts as long as its plan does; connections are opened in its warm-up, which does not count.
 */
export async function* takeTurns(
  plans: Readonly<Record<Turn['side'], LoadPlan>>,
  signal: AbortSignal,
): AsyncGenerator<Turn, never> {
  for (let i = 0; ; i++) {
    const side = i % 4 === 0 || i % 4 === 3 ? 'a' : 'b';
    const { tally, result } = await runPlan(plans[side], [], signal, silentProgress);
    const total = tally.names.total();
    const slice = {
      startMs: tally.startedAt,
      sent: total.sent,
      errors: total.failed + total.unexpected.count,
      latencies: total.response,
      incomplete: total.incomplete,
    };
    yield { side, slice, result };
  }
}
