import type { Progress } from '../../core/progress.js';
import { comparePairs, type DifferenceCounts, type Differences } from './differences.js';
import type { IndexSide } from './index-side.js';
import { bytesOfPairs, PairFile, requireRoom } from './pair-file.js';
import { type Example, lookAgain } from './second-look.js';
import { hashSide, type Side } from './side.js';

export interface CompareOptions {
  /** Where 32 bytes a document of each side are kept. */
  readonly temporaryFolder: string;
  /** How many differing ids are listed at most. */
  readonly listed: number;
  readonly signal: AbortSignal;
  readonly progress: Progress;
}

export interface Comparison extends DifferenceCounts {
  /** Ids on either side. */
  readonly compared: number;
  /** Documents that differ, but were written while they were compared. */
  readonly changing: number;
  /** Documents of the source that another one of the same id follows. */
  readonly duplicates: number;
  /** Documents of the index beside another one of the same id. */
  readonly doubled: number;
  /** Differences that were not looked at a second time: there are too many. */
  readonly unconfirmed: number;
  readonly examples: readonly Example[];
  /** For a repair. */
  readonly differences: Differences;
}

/**
 * Compares two sides by id and content, in constant memory. Neither side stands still: each difference is looked at twice.
 * @throws NotWritten; as the sides; the signal's reason
 */
export async function compareSides(
  source: Side,
  index: IndexSide,
  { temporaryFolder, listed, signal, progress }: CompareOptions,
): Promise<Comparison> {
  const expected = [source, index].map(({ estimate }) => estimate ?? 0);
  const total = expected[0]! + expected[1]!;
  await requireRoom(temporaryFolder, bytesOfPairs(total));
  const files = [new PairFile(temporaryFolder), new PairFile(temporaryFolder)] as const;
  let read = 0;
  const advance = (documents: number) => progress.update((read += documents), total || undefined);
  const giveUp = new AbortController();
  const reading = AbortSignal.any([signal, giveUp.signal]);
  try {
    const both = [hashSide(source, files[0], reading, advance), hashSide(index, files[1], reading, advance)];
    // Neither is left behind to write to a file that is closed.
    for (const side of both) side.catch((error: unknown) => giveUp.abort(error));
    await Promise.allSettled(both);
    await Promise.all(both);
    const { differences, beyond, ...counts } = await comparePairs(files[0], files[1], signal);
    const look = await lookAgain(differences, source, index, listed, signal);
    return {
      ...counts,
      missing: look.counts.missing + beyond.missing,
      extra: look.counts.extra + beyond.extra,
      stale: look.counts.stale + beyond.stale,
      changing: look.changing,
      unconfirmed: beyond.missing + beyond.extra + beyond.stale,
      examples: look.examples,
      differences,
    };
  } finally {
    for (const file of files) await file.close();
  }
}
