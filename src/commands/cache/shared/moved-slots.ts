import { counted } from '../../../lib/core/units.js';
import type { Context } from '../../../runtime/context.js';

/** Says that a walk of a cluster cannot be relied on to have seen each key once. */
export function warnOfMovedSlots(
  { movedSlots }: { movedSlots?: number },
  context: Pick<Context, 'warn'>,
): void {
  if (movedSlots === undefined) return;
  context.warn(
    `${counted(movedSlots, 'slot')} of the cluster moved while the keys were walked: keys may have been missed or seen twice; run it again once the slots have settled`,
  );
}
