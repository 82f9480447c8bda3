import { SearchRefusal } from '../../clients/search/refusal.js';
import type { Clock } from '../../core/clock.js';
import type { SearchEngine } from '../engine.js';
import { Copier, type Tally } from './copier.js';
import type { Patience } from './patience.js';
import type { Rejections } from './rejections.js';

/** The two indices of a reindex, and what goes from one to the other. */
export interface Transfer {
  readonly engine: SearchEngine;
  readonly source: { readonly name: string };
  readonly destination: {
    readonly name: string;
    /** That it is filled through. */
    readonly alias: string;
  };
  readonly rejections: Rejections;
  readonly tally: Tally;
  readonly patience: Patience;
  readonly clock: Clock;
  /** For the hashes of documents. */
  readonly temporaryFolder: string;
  readonly stallMs: number;
}

export function copierOf(transfer: Transfer, signal: AbortSignal): Copier {
  const { engine, source, destination, rejections, tally, clock, stallMs } = transfer;
  return new Copier({
    engine,
    source: source.name,
    destination: destination.alias,
    rejections,
    tally,
    clock,
    signal,
    stallMs,
  });
}

/** Makes what was written to both visible to searches. */
export async function refreshBoth(
  {
    engine,
    source,
    destination,
  }: Readonly<{
    engine: SearchEngine;
    source: { readonly name: string };
    destination: { readonly name: string };
  }>,
  signal: AbortSignal,
): Promise<void> {
  await engine.refresh(destination.name, signal);
  await engine.refresh(source.name, signal).catch((error: unknown) => {
    // A collection that was made read-only takes no commit, and has made its last one.
    if (!(error instanceof SearchRefusal && error.status === 403)) throw error;
  });
}
