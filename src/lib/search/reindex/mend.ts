import { differences } from './compare.js';
import { copierOf, refreshBoth, type Transfer } from './transfer.js';

/**
 * Compares source and destination by id, and by content unless `content` is false, and mends what differs: documents that were
 * deleted from the source, and what a copy may have missed. What was written to the source after the last catch-up may
 * be mended, too.
 * @returns how many differed, without those that the mapping does not take
 */
export async function compareAndMend(
  transfer: Transfer,
  signal: AbortSignal,
  { content, seen = () => {} }: { readonly content: boolean; readonly seen?: (documents: number) => void },
): Promise<number> {
  const { engine, source, destination, rejections, patience, temporaryFolder } = transfer;
  await patience.retry(() => refreshBoth(transfer, signal), signal);
  return patience.retry(async () => {
    let differed = 0;
    const copier = copierOf(transfer, signal);
    const names = { source: source.name, destination: destination.name };
    for await (const batch of differences(engine, names, { signal, content, temporaryFolder, seen })) {
      differed += batch.filter((name) => !rejections.has(name)).length;
      await copier.mend(batch);
    }
    return differed;
  }, signal);
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
