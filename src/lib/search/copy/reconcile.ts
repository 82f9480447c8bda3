import type { HeldForm, SearchEngine } from '../engine.js';
import { compareSides, type Comparison } from '../verify/compare.js';
import { openIndexSide } from '../verify/open-index-side.js';
import { repair } from '../verify/repair.js';
import type { Side } from '../verify/side.js';
import type { CopyOptions } from './copy.js';

/** How often what differs at the end is mended before it is told. */
const maxRepairs = 3;
/** Of which a result has the reasons. */
export const maxRejections = 20;

export interface Copied {
  readonly source: SearchEngine;
  readonly index: string;
  readonly engine: SearchEngine;
  readonly name: string;
  /** What differs may be newer there, and is left alone. */
  readonly isInUse: boolean;
}

/** Compares both sides, and mends what differs: documents that were deleted, or deleted and written again, during the copy. */
export async function reconcile(
  { source, index, engine, name, isInUse }: Copied,
  { clock, signal, during, waits, temporaryFolder, listed }: CopyOptions,
): Promise<Comparison> {
  for (let repairs = 0; ; repairs++) {
    const held = await engine.heldForm?.(name, signal);
    const [from, to] = [
      inForm(await openIndexSide(source, index, { takesRouting: true }, signal), held),
      await openIndexSide(engine, name, { takesRouting: true }, signal),
    ];
    const comparison = await during('comparing', (progress) =>
      compareSides(from, to, { temporaryFolder, listed, signal, progress }),
    );
    const { missing, extra, stale, differences } = comparison;
    if (missing + extra + stale === 0 || repairs === maxRepairs || isInUse) return comparison;
    await repair(differences, from, to, { clock, signal, waits, deletes: () => true });
  }
}

/** The side with its documents as the other one would give them back. */
function inForm(side: Side, held: HeldForm | undefined): Side {
  if (held === undefined) return side;
  return {
    label: side.label,
    estimate: side.estimate,
    async *documents(signal) {
      for await (const documents of side.documents(signal))
        yield documents.map(({ id, routing, source }) => ({ id, routing, source: held(id, source) }));
    },
  };
}
