import { BulkWriter } from '../../bulk/writer.js';
import type { DocumentName, Operation, StoredDocument } from '../../engine.js';
import type { SolrEngine } from '../../solr/engine.js';
import { before, newerThan } from '../../solr/versions.js';
import { compareIndices } from '../compare.js';
import { refreshBoth } from '../transfer.js';
import { type CoreTransfer, overlapMs } from './catch-up.js';

/** The two cores after the swap. */
export interface Swapped {
  readonly engine: SolrEngine;
  /** Names that they have now. */
  readonly old: string;
  readonly now: string;
  /** What the new one had up to this `_version_` of the old one. */
  readonly reached: bigint;
  /** Documents of the new one up to this `_version_` are ours. */
  readonly ours: bigint;
}

/** A request that was on its way when the names were swapped still ends at the old core. */
const rounds = 3;

/**
 * Brings over what was written to the old core after the last catching up, and what was deleted there. Others write to the new core
 * by now: its document is replaced or deleted only when it is still what we wrote.
 * @returns documents of which cannot be said whether they were deleted from the new core, or never reached it
 */
export async function settleAfterSwap(
  swapped: Swapped,
  transfer: CoreTransfer,
  signal: AbortSignal,
): Promise<number> {
  const { engine, old, now, reached } = swapped;
  const sides = { source: old, destination: now };
  let unclear = 0;
  for (let round = 1; round <= rounds; round++) {
    await refreshBoth({ engine, source: { name: old }, destination: { name: now } }, signal);
    const settling = new Settling(swapped, transfer, signal);
    const filter = newerThan(reached);
    for await (const hits of engine.scan(old, { signal, filter, source: false })) await settling.add(hits);
    const options = { signal, content: false, temporaryFolder: transfer.temporaryFolder, seen: () => {} };
    const { batches } = await compareIndices(engine, sides, options);
    for await (const names of batches) await settling.add(names);
    await settling.drain();
    unclear = settling.unclear;
    if (settling.changes === 0) break;
  }
  return unclear;
}

class Settling {
  changes = 0;
  unclear = 0;
  readonly #swapped: Swapped;
  readonly #transfer: CoreTransfer;
  readonly #signal: AbortSignal;
  readonly #writer: BulkWriter<Operation>;

  constructor(swapped: Swapped, transfer: CoreTransfer, signal: AbortSignal) {
    this.#swapped = swapped;
    this.#transfer = transfer;
    this.#signal = signal;
    const { rejections, tally, clock, stallMs } = transfer;
    this.#writer = new BulkWriter<Operation>({
      engine: swapped.engine,
      target: { index: swapped.now },
      clock,
      signal,
      stallMs,
      settled: (operation, outcome) => {
        if (outcome.kind === 'done') {
          this.changes++;
          tally[operation.kind === 'delete' ? 'deleted' : 'written']++;
        } else if (outcome.status !== 409 && outcome.status !== 404)
          rejections.add(operation, outcome.reason);
      },
    });
  }

  async add(names: readonly DocumentName[]): Promise<void> {
    const { engine, old, now } = this.#swapped;
    const [there, here] = await Promise.all([
      engine.read(old, names, this.#signal),
      engine.read(now, names, this.#signal),
    ]);
    for (const [i, { id }] of names.entries()) {
      if (this.#transfer.rejections.has({ id })) continue;
      const operation = this.#operationFor(there[i], here[i]);
      if (operation !== undefined) await this.#writer.add({ ...operation, id });
    }
  }

  drain(): Promise<void> {
    return this.#writer.drain();
  }

  #operationFor(
    was: StoredDocument | undefined,
    is: StoredDocument | undefined,
  ): Omit<Operation, 'id'> | undefined {
    const { reached, ours } = this.#swapped;
    if (was === undefined) {
      if (is === undefined || BigInt(is.revision) > ours) return undefined;
      return { kind: 'delete', ifRevision: is.revision };
    }
    const { source } = was;
    const version = was.version === was.revision ? undefined : was.version;
    if (is !== undefined) {
      const isNewer = BigInt(is.revision) > ours && BigInt(is.revision) > BigInt(was.revision);
      if (isNewer || BigInt(was.revision) <= reached) return undefined;
      return { kind: 'index', source, version, ifRevision: is.revision };
    }
    if (BigInt(was.revision) > reached) return { kind: 'create', source, version };
    // What is older was there when both were compared before the swap, and was deleted since.
    if (BigInt(was.revision) > before(reached, overlapMs)) this.unclear++;
    return undefined;
  }
}
