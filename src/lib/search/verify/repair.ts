import type { Clock } from '../../core/clock.js';
import { BulkWriter, type Settled, type Wait } from '../bulk/writer.js';
import { keyOf } from '../document-key.js';
import type { DocumentName, Operation, StoredDocument } from '../engine.js';
import type { Differences } from './differences.js';
import { differing } from './differing.js';
import { DocumentHasher, type Hash, hashWords } from './document-hash.js';
import { isSame } from './hash-table.js';
import type { IndexSide } from './index-side.js';
import type { Side, SideDocument } from './side.js';

export interface RepairOptions {
  readonly clock: Clock;
  /** Whether documents that only the index has go: asked once the source has been read again. */
  readonly deletes: () => boolean;
  readonly signal: AbortSignal;
  readonly waits?: (wait: Wait) => void;
  /** Something may be written from here on: what was done so far. */
  readonly started?: (repaired: Readonly<Repaired>) => void;
}

export interface Repaired {
  written: number;
  deleted: number;
  /** Left alone: on one side or the other they are not what was compared. */
  changed: number;
  /** The index does not take them. */
  rejected: number;
  /** Of the first that was rejected. */
  reason?: string;
}

/**
 * Makes the index what the source is, where they differ. A document that is not what it was when it was compared is left alone.
 * @throws as the sides; as BulkWriter
 */
export async function repair(
  differences: Differences,
  source: Side,
  index: IndexSide,
  options: RepairOptions,
): Promise<Repaired> {
  const repair = new Repair(differences, index, options);
  options.started?.(repair.repaired);
  await repair.write(source);
  if (options.deletes()) await repair.deleteExtras();
  return repair.repaired;
}

class Repair {
  readonly repaired: Repaired = { written: 0, deleted: 0, changed: 0, rejected: 0 };
  readonly #differences: Differences;
  readonly #index: IndexSide;
  readonly #options: RepairOptions;
  readonly #hasher = new DocumentHasher();
  readonly #hash = new Int32Array(hashWords);
  /** By the index, alias or data stream that is written to. */
  readonly #writers = new Map<string, BulkWriter<Operation>>();
  /** What the source has of each difference: 0 nothing, 1 another document than was compared, 2 that one. */
  readonly #seen: Uint8Array;

  constructor(differences: Differences, index: IndexSide, options: RepairOptions) {
    this.#differences = differences;
    this.#index = index;
    this.#options = options;
    this.#seen = new Uint8Array(differences.size);
  }

  async write(source: Side): Promise<void> {
    const { signal } = this.#options;
    for await (const batch of differing(source.documents(signal), this.#differences)) {
      const stored = await this.#index.read([...batch.values()], signal);
      let i = 0;
      for (const [number, document] of batch) await this.#writeOne(number, document, stored[i++]);
    }
    await this.#drain();
    for (const seen of this.#seen) if (seen === 1) this.repaired.changed++;
  }

  async #writeOne(
    number: number,
    { id, routing, source }: SideDocument,
    stored: StoredDocument | undefined,
  ): Promise<void> {
    const { kind, source: compared } = this.#differences.at(number);
    if (this.#seen[number] === 2) return;
    this.#seen[number] = 1;
    this.#hasher.document(source, this.#hash, 0);
    // Another one of the same id, or it was changed since.
    if (kind === 'extra' || !isSame(this.#hash, 0, compared, 0)) return;
    this.#seen[number] = 2;
    if (stored === undefined && kind === 'missing')
      await this.#add(undefined, { kind: 'create', id, routing, source });
    else if (stored === undefined) this.repaired.changed++;
    else if (stored.routing === routing && this.#hasSame(stored, compared)) return;
    else if (this.#isAsCompared({ id, routing: stored.routing }, stored))
      await this.#add(stored.index, { kind: 'index', id, routing, source, ifRevision: stored.revision });
    else this.repaired.changed++;
  }

  async deleteExtras(): Promise<void> {
    const { signal } = this.#options;
    const isWanted = (number: number) =>
      this.#seen[number] === 0 && this.#differences.at(number).kind === 'extra';
    for await (const batch of differing(this.#index.names(signal), this.#differences, isWanted)) {
      const stored = await this.#index.read([...batch.values()], signal);
      let i = 0;
      for (const { id, routing } of batch.values()) {
        const document = stored[i++];
        // Of another routing: the repair has written over it.
        if (document === undefined || document.routing !== routing) continue;
        if (this.#isAsCompared({ id, routing }, document))
          await this.#add(document.index, { kind: 'delete', id, routing, ifRevision: document.revision });
        else this.repaired.changed++;
      }
    }
    await this.#drain();
  }

  /** Whether the index has what it had under that name. */
  #isAsCompared(name: DocumentName, { source }: StoredDocument): boolean {
    this.#hasher.text(keyOf(name), this.#hash, 0);
    const number = this.#differences.find(this.#hash);
    return number !== undefined && this.#hasSame({ source }, this.#differences.at(number).index);
  }

  #hasSame({ source }: Pick<StoredDocument, 'source'>, hash: Hash): boolean {
    this.#hasher.document(source, this.#hash, 0);
    return isSame(this.#hash, 0, hash, 0);
  }

  async #drain(): Promise<void> {
    for (const writer of this.#writers.values()) await writer.drain();
  }

  /** @param index one of those behind the name that was compared; undefined where the engine does not say it */
  async #add(index: string | undefined, operation: Operation): Promise<void> {
    const target = index ?? this.#index.name;
    let writer = this.#writers.get(target);
    if (writer === undefined) {
      const { clock, signal, waits } = this.#options;
      writer = new BulkWriter({
        engine: this.#index.engine,
        target: { index: target },
        ...{ clock, signal },
        ...(waits && { waits }),
        settled: (settled, outcome) => this.#settle(settled, outcome),
      });
      this.#writers.set(target, writer);
    }
    await writer.add(operation);
  }

  #settle({ kind }: Operation, outcome: Settled): void {
    const { repaired } = this;
    if (outcome.kind === 'done') repaired[kind === 'delete' ? 'deleted' : 'written']++;
    else if (outcome.status === 409 || (kind === 'delete' && outcome.status === 404)) repaired.changed++;
    else {
      repaired.rejected++;
      repaired.reason ??= outcome.reason;
    }
  }
}
