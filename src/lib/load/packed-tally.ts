import { Latencies } from '../measure/latencies.js';
import type { EngineTally } from './engine.js';
import { type FailureKind, NameTally, type OpenLatencies } from './tally.js';

const histograms = ['response', 'service', 'wait', 'unexpected', 'incomplete'] as const;

/** A tally as plain data, for another thread. */
export interface PackedTally extends Omit<EngineTally, 'byName' | 'lag'> {
  readonly lag: string;
  readonly byName: readonly PackedName[];
}

interface PackedName {
  readonly name: string;
  readonly sent: number;
  readonly bytes: number;
  readonly statuses: readonly (readonly [number, number])[];
  readonly unexpectedStatuses: readonly (readonly [number, number])[];
  readonly failures: readonly (readonly [FailureKind, number])[];
  /** Encoded; those without a record are left out. */
  readonly histograms: Readonly<Partial<Record<(typeof histograms)[number], string>>>;
}

export function packTally({ byName, lag, ...rest }: EngineTally): PackedTally {
  return {
    ...rest,
    lag: lag.encode(),
    byName: [...byName].map(([name, tally]) => ({
      name,
      sent: tally.sent,
      bytes: tally.bytes,
      statuses: [...tally.statuses],
      unexpectedStatuses: [...tally.unexpectedStatuses],
      failures: [...tally.failures],
      histograms: Object.fromEntries(
        histograms.filter((key) => tally[key].count > 0).map((key) => [key, tally[key].encode()]),
      ),
    })),
  };
}

export async function unpackTally(packed: PackedTally, open: OpenLatencies): Promise<EngineTally> {
  const byName = new Map<string, NameTally>();
  for (const {
    name,
    sent,
    bytes,
    statuses,
    unexpectedStatuses,
    failures,
    histograms: encoded,
  } of packed.byName) {
    const tally = new NameTally(open);
    tally.sent = sent;
    tally.bytes = bytes;
    for (const [status, count] of statuses) tally.statuses.set(status, count);
    for (const [status, count] of unexpectedStatuses) tally.unexpectedStatuses.set(status, count);
    for (const [kind, count] of failures) tally.failures.set(kind, count);
    for (const [key, text] of Object.entries(encoded))
      tally[key as (typeof histograms)[number]].add(await Latencies.decode(text));
    byName.set(name, tally);
  }
  return { ...packed, lag: await Latencies.decode(packed.lag), byName };
}
