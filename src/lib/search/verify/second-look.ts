import type { DocumentName } from '../engine.js';
import type { DifferenceCounts, DifferenceKind, Differences } from './differences.js';
import { differing } from './differing.js';
import { DocumentHasher, hashWords } from './document-hash.js';
import { isSame } from './hash-table.js';
import type { IndexSide } from './index-side.js';
import type { Side, SideDocument } from './side.js';

/** What became of differences when they were looked at again. */
export interface SecondLook {
  /** Those that were the same both times. */
  readonly counts: DifferenceCounts;
  /** There is no difference any more. */
  readonly settled: number;
  /** Documents that differ, and were not the same both times: somebody is writing them. */
  readonly changing: number;
  /** The first of those that count. */
  readonly examples: readonly Example[];
}

export interface Example extends DocumentName {
  readonly kind: DifferenceKind;
}

/**
 * Looks again at every difference: the sides were not read at one moment, and documents that were written in between differ for no
 * more than that moment. A difference counts when both contents are what they were before.
 * @param listed how many examples are wanted
 * @throws as the sides; the signal's reason
 */
export async function lookAgain(
  differences: Differences,
  source: Side,
  index: IndexSide,
  listed: number,
  signal: AbortSignal,
): Promise<SecondLook> {
  const look = new Look(differences, index, listed, signal);
  if (differences.size > 0) {
    await look.readSource(source);
    await look.readExtras();
  }
  return look.result();
}

/** What is known of a difference now. */
type State = 'unseen' | 'settled' | 'changing' | DifferenceKind;
const states: readonly State[] = ['unseen', 'settled', 'changing', 'missing', 'extra', 'stale'];

class Look {
  readonly #differences: Differences;
  readonly #index: IndexSide;
  readonly #listed: number;
  readonly #signal: AbortSignal;
  readonly #hasher = new DocumentHasher();
  readonly #hash = new Int32Array(hashWords);
  /** By the number of the difference. */
  readonly #states: Uint8Array;
  readonly #names = new Map<number, DocumentName>();

  constructor(differences: Differences, index: IndexSide, listed: number, signal: AbortSignal) {
    this.#differences = differences;
    this.#index = index;
    this.#listed = listed;
    this.#signal = signal;
    this.#states = new Uint8Array(differences.size);
  }

  async readSource(source: Side): Promise<void> {
    for await (const batch of differing(source.documents(this.#signal), this.#differences))
      await this.#compare(batch);
  }

  /** Those that the source did not have again. */
  async readExtras(): Promise<void> {
    if (!this.#has('extra')) return;
    const isOpen = (number: number) =>
      this.#states[number] === 0 && this.#differences.at(number).kind === 'extra';
    for await (const batch of differing(this.#index.names(this.#signal), this.#differences, isOpen))
      await this.#confirmExtras(batch);
  }

  result(): SecondLook {
    const counts = { missing: 0, extra: 0, stale: 0 };
    let [settledCount, changingCount] = [0, 0];
    const examples: Example[] = [];
    for (const [number, code] of this.#states.entries()) {
      const state = code === 0 ? this.#unseen(number) : states[code]!;
      if (state === 'changing') changingCount++;
      else if (state === 'missing' || state === 'extra' || state === 'stale') {
        counts[state]++;
        const name = this.#names.get(number);
        if (name !== undefined) examples.push({ ...name, kind: state });
      } else settledCount++;
    }
    return { counts, settled: settledCount, changing: changingCount, examples };
  }

  /** A row or document that is gone by now. */
  #unseen(number: number): State {
    return this.#differences.at(number).kind === 'stale' ? 'changing' : 'settled';
  }

  #has(kind: DifferenceKind): boolean {
    for (let number = 0; number < this.#differences.size; number++)
      if (this.#differences.at(number).kind === kind) return true;
    return false;
  }

  async #compare(batch: ReadonlyMap<number, SideDocument>): Promise<void> {
    const stored = await this.#index.read([...batch.values()], this.#signal);
    let i = 0;
    for (const [number, ours] of batch) {
      const theirs = stored[i++];
      const before = this.#differences.at(number);
      this.#hasher.document(ours.source, this.#hash, 0);
      const isSteadySource = isSame(this.#hash, 0, before.source, 0);
      const wanted = this.#hash.slice();
      if (theirs === undefined || theirs.routing !== ours.routing) {
        this.#set(number, ours, isSteadySource && before.kind === 'missing' ? 'missing' : 'changing');
        continue;
      }
      this.#hasher.document(theirs.source, this.#hash, 0);
      const isSteady = isSteadySource && isSame(this.#hash, 0, before.index, 0);
      if (isSame(this.#hash, 0, wanted, 0)) this.#set(number, ours, 'settled');
      else this.#set(number, ours, isSteady ? 'stale' : 'changing');
    }
  }

  async #confirmExtras(batch: ReadonlyMap<number, DocumentName>): Promise<void> {
    const stored = await this.#index.read([...batch.values()], this.#signal);
    let i = 0;
    for (const [number, name] of batch) {
      const document = stored[i++];
      if (document === undefined || document.routing !== name.routing) {
        this.#set(number, name, 'settled');
        continue;
      }
      this.#hasher.document(document.source, this.#hash, 0);
      // Written since: the source may have it as well by now.
      const isSteady = isSame(this.#hash, 0, this.#differences.at(number).index, 0);
      this.#set(number, name, isSteady ? 'extra' : 'changing');
    }
  }

  #set(number: number, { id, routing }: DocumentName, state: State): void {
    this.#states[number] = states.indexOf(state);
    if (state === 'settled' || state === 'changing') this.#names.delete(number);
    else if (this.#names.size < this.#listed) this.#names.set(number, { id, routing });
  }
}
