import { Latencies } from '../measure/latencies.js';
import type { EngineTally } from './engine.js';
import { type CheckCounts, type FailureKind, NameTally, type OpenLatencies } from './tally.js';

const histograms = ['response', 'service', 'wait', 'unexpected', 'incomplete'] as const;

/** A tally as plain data, for another thread. */
export interface PackedTally extends Omit<EngineTally, 'byName' | 'lag' | 'warmup'> {
  readonly lag: string;
  readonly warmup: PackedName;
  readonly byName: readonly PackedName[];
}

interface PackedName {
  readonly name: string;
  readonly sent: number;
  readonly bytes: number;
  readonly statuses: readonly (readonly [number, number])[];
  readonly unexpectedStatuses: readonly (readonly [number, number])[];
  readonly failures: readonly (readonly [FailureKind, number])[];
  readonly checks: readonly (readonly [string, CheckCounts])[];
  /** Encoded; those without a record are left out. */
  readonly histograms: Readonly<Partial<Record<(typeof histograms)[number], string>>>;
}

export function packTally({ byName, lag, warmup, ...rest }: EngineTally): PackedTally {
  return {
    ...rest,
    lag: lag.encode(),
    warmup: packName('', warmup),
    byName: [...byName].map(([name, tally]) => packName(name, tally)),
  };
}

export async function unpackTally(packed: PackedTally, open: OpenLatencies): Promise<EngineTally> {
  const byName = new Map<string, NameTally>();
  for (const each of packed.byName) byName.set(each.name, await unpackName(each, open));
  const warmup = await unpackName(packed.warmup, open);
  return { ...packed, lag: await Latencies.decode(packed.lag), warmup, byName };
}

function packName(name: string, tally: NameTally): PackedName {
  return {
    name,
    sent: tally.sent,
    bytes: tally.bytes,
    statuses: [...tally.statuses],
    unexpectedStatuses: [...tally.unexpectedStatuses],
    failures: [...tally.failures],
    checks: [...tally.checks],
    histograms: Object.fromEntries(
      histograms.filter((key) => tally[key].count > 0).map((key) => [key, tally[key].encode()]),
    ),
  };
}

async function unpackName(packed: PackedName, open: OpenLatencies): Promise<NameTally> {
  const tally = new NameTally(open);
  tally.sent = packed.sent;
  tally.bytes = packed.bytes;
  for (const [status, count] of packed.statuses) tally.statuses.set(status, count);
  for (const [status, count] of packed.unexpectedStatuses) tally.unexpectedStatuses.set(status, count);
  for (const [kind, count] of packed.failures) tally.failures.set(kind, count);
  for (const [check, counts] of packed.checks) tally.checks.set(check, counts);
  for (const [key, text] of Object.entries(packed.histograms))
    tally[key as (typeof histograms)[number]].add(await Latencies.decode(text));
  return tally;
}
