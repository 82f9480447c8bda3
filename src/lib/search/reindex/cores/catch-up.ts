import type { SolrEngine } from '../../solr/engine.js';
import { before, newestVersion } from '../../solr/versions.js';
import { copierOf, refreshBoth, type Transfer } from '../transfer.js';
import type { CoreJournal } from './journal.js';

/** Of Solr. */
export interface CoreTransfer extends Transfer {
  readonly engine: SolrEngine;
  readonly journal: CoreJournal;
}

/** A write gets its version before it is visible: so much older ones may have come since. */
export const overlapMs = 5000;
/** How far it came is noted after so many documents. */
const portion = 20_000;

/**
 * Copies what was written to the source since the last time, in the order of `_version_`: the first time everything. Deletes are not
 * seen by it.
 * @returns the documents that were read, without those of the last time
 */
export async function catchUp(
  transfer: CoreTransfer,
  signal: AbortSignal,
  seen: (documents: number) => void = () => {},
): Promise<number> {
  const { engine, source, journal, patience } = transfer;
  let count = 0;
  await patience.retry(async () => {
    await refreshBoth(transfer, signal);
    const reached = BigInt(journal.mark.reached ?? 0);
    const upTo = (await newestVersion(engine.client, source.name, signal)) ?? 0n;
    if (upTo <= reached) return;
    const copier = copierOf(transfer, signal);
    const filter = `_version_:{${before(reached, overlapMs)} TO ${upTo}]`;
    const sort = [{ field: '_version_', order: 'asc' }] as const;
    let pending = 0;
    for await (const hits of engine.scan(source.name, { signal, filter, sort })) {
      const isNew = ({ ownVersion }: { ownVersion: string | undefined }) => BigInt(ownVersion ?? 0) > reached;
      const fresh = hits.filter(isNew);
      await copier.copy(fresh.map(({ id, source, externalVersion: version }) => ({ id, source, version })));
      if (fresh.length < hits.length) await copier.mend(hits.filter((hit) => !isNew(hit)));
      seen((count += fresh.length));
      patience.progressed();
      pending += fresh.length;
      if (pending < portion) continue;
      pending = 0;
      await copier.settle();
      await journal.save({ reached: fresh.at(-1)!.ownVersion }, signal);
    }
    await copier.settle();
    await journal.save({ reached: String(upTo) }, signal);
  }, signal);
  return count;
}
