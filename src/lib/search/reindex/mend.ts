import { compareIndices } from './compare.js';
import { copierOf, refreshBoth, type Transfer } from './transfer.js';

export interface MendOptions {
  /** False: documents are compared by id alone. */
  readonly content: boolean;
  /** Called with the documents compared so far. */
  readonly seen?: (documents: number) => void;
}

/** Documents that differed, without those that the mapping does not take. */
export interface Mended {
  readonly differed: number;
  /** Of them, those that were too many to be mended. */
  readonly left: number;
}

/**
 * Compares source and destination, and mends what differs: documents that were deleted from the source, and what a copy may have
 * missed. What was written to the source after the last catch-up may be mended, too.
 */
export async function compareAndMend(
  transfer: Transfer,
  signal: AbortSignal,
  { content, seen = () => {} }: MendOptions,
): Promise<Mended> {
  const { engine, source, destination, rejections, patience, temporaryFolder } = transfer;
  await patience.retry(() => refreshBoth(transfer, signal), signal);
  return patience.retry(async () => {
    const copier = copierOf(transfer, signal);
    const names = { source: source.name, destination: destination.name };
    const options = { signal, content, temporaryFolder, seen };
    const { batches, beyond: left } = await compareIndices(engine, names, options);
    let differed = left;
    for await (const batch of batches) {
      differed += batch.filter((name) => !rejections.has(name)).length;
      await copier.mend(batch);
    }
    return { differed, left };
  }, signal);
}

/**
 * Compares again what was mended, until nothing differs. What is written meanwhile differs, too: it ends when no less
 * differs than before.
 * @returns of the last time
 */
export async function mendUntilEqual(
  transfer: Transfer,
  signal: AbortSignal,
  options: MendOptions,
): Promise<Mended> {
  for (let before = Infinity; ;) {
    const mended = await compareAndMend(transfer, signal, options);
    if (mended.differed === 0 || mended.differed >= before) return mended;
    before = mended.differed;
  }
}

/** Whether both have the same number of documents, but for those that the mapping does not take. */
export async function haveSameCount(transfer: Transfer, signal: AbortSignal): Promise<boolean> {
  const { engine, source, destination, rejections } = transfer;
  await refreshBoth(transfer, signal);
  const [there, here] = await Promise.all([
    engine.count(source.name, signal),
    engine.count(destination.name, signal),
  ]);
  return there === here + rejections.count;
}
