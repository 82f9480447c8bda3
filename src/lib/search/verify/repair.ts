import type { Clock } from '../../core/clock.js';
import { BulkWriter, type Settled, type Wait } from '../bulk/writer.js';
import type { Operation } from '../engine.js';
import type { Differences } from './differences.js';
import { differing } from './differing.js';
import { DocumentHasher, hashWords } from './document-hash.js';
import { isSame } from './hash-table.js';
import type { IndexSide } from './index-side.js';
import type { Side } from './side.js';

export interface RepairOptions {
  readonly clock: Clock;
  /** Documents that only the index has go. */
  readonly deletes: boolean;
  readonly signal: AbortSignal;
  readonly waits?: (wait: Wait) => void;
  /** Something may be written from here on: what was done so far. */
  readonly started?: (repaired: Readonly<Repaired>) => void;
}

export interface Repaired {
  written: number;
  deleted: number;
  /** Left alone: they were written since they were compared. */
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
  if (options.deletes) await repair.deleteExtras();
  await repair.drain();
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
  /** Differences that the source has a document of. */
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
      for (const [number, { id, routing, source }] of batch) {
        this.#seen[number] = 1;
        const document = stored[i++];
        if (document === undefined) {
          await this.#add(this.#index.name, { kind: 'create', id, routing, source });
          continue;
        }
        this.#hasher.document(source, this.#hash, 0);
        const wanted = this.#hash.slice();
        this.#hasher.document(document.source, this.#hash, 0);
        if (isSame(this.#hash, 0, wanted, 0)) continue;
        if (this.#isAsCompared(number))
          await this.#add(document.index, {
            kind: 'index',
            id,
            routing,
            source,
            ifRevision: document.revision,
          });
        else this.repaired.changed++;
      }
    }
  }

  async deleteExtras(): Promise<void> {
    const { signal } = this.#options;
    const isWanted = (number: number) =>
      this.#seen[number] === 0 && this.#differences.at(number).kind === 'extra';
    for await (const batch of differing(this.#index.names(signal), this.#differences, isWanted)) {
      const stored = await this.#index.read([...batch.values()], signal);
      let i = 0;
      for (const [number, { id, routing }] of batch) {
        const document = stored[i++];
        if (document === undefined) continue;
        this.#hasher.document(document.source, this.#hash, 0);
        if (this.#isAsCompared(number))
          await this.#add(document.index, { kind: 'delete', id, routing, ifRevision: document.revision });
        else this.repaired.changed++;
      }
    }
  }

  async drain(): Promise<void> {
    for (const writer of this.#writers.values()) await writer.drain();
  }

  /** Whether the index has what it had. */
  #isAsCompared(number: number): boolean {
    return isSame(this.#hash, 0, this.#differences.at(number).index, 0);
  }

  async #add(target: string, operation: Operation): Promise<void> {
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
