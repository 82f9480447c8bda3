import { type Hash, hashWords } from './document-hash.js';
import { HashTable, isSame } from './hash-table.js';
import { type PairFile, pairWords, parts } from './pair-file.js';

/** `missing`: only the source has it. `extra`: only the index has it. `stale`: their contents differ. */
export type DifferenceKind = 'missing' | 'extra' | 'stale';
const kinds: readonly DifferenceKind[] = ['missing', 'extra', 'stale'];

export type DifferenceCounts = Record<DifferenceKind, number>;

/** What both sides' pairs say of ids. */
export interface ComparedPairs {
  /** Ids on either side. */
  readonly compared: number;
  /** The last of several documents of one id in the source counts; so many went before it. */
  readonly duplicates: number;
  /** Documents of the index beside another one of the same id. */
  readonly doubled: number;
  readonly differences: Differences;
  /** Those that are not among them: there were too many. */
  readonly beyond: DifferenceCounts;
}

/** Differences that are kept at most: 52 bytes each. More are only counted. */
export const maxDifferences = 1_000_000;

interface PlacedPair {
  readonly words: Hash;
  readonly at: number;
}

/** Compares what two sides have, part by part. @throws the signal's reason */
export async function comparePairs(
  source: PairFile,
  index: PairFile,
  signal: AbortSignal,
): Promise<ComparedPairs> {
  const differences = new Differences();
  const beyond = { missing: 0, extra: 0, stale: 0 };
  let [compared, duplicates, doubled] = [0, 0, 0];
  const found = (
    kind: DifferenceKind,
    ours: PlacedPair | undefined,
    theirs: PlacedPair | undefined,
  ): void => {
    if (differences.size < maxDifferences) differences.add(kind, ours, theirs);
    else beyond[kind]++;
  };
  for (let part = 0; part < parts; part++) {
    signal.throwIfAborted();
    const [ours, theirs] = [await source.part(part), await index.part(part)];
    const known = new HashTable(ours, ours.length / pairWords);
    for (let at = 0; at < ours.length; at += pairWords) if (!known.put(at)) duplicates++;
    compared += known.size;
    const seen = new Uint8Array(ours.length / pairWords);
    const strangers = new HashTable(theirs, theirs.length / pairWords);
    for (let at = 0; at < theirs.length; at += pairWords) {
      const own = known.find(theirs, at);
      if (own === undefined) {
        if (strangers.put(at)) found('extra', undefined, { words: theirs, at });
        else doubled++;
      } else if (seen[own / pairWords] === 1) doubled++;
      else {
        seen[own / pairWords] = 1;
        if (!isSame(ours, own + hashWords, theirs, at + hashWords))
          found('stale', { words: ours, at: own }, { words: theirs, at });
      }
    }
    compared += strangers.size;
    for (const at of known.places())
      if (seen[at / pairWords] === 0) found('missing', { words: ours, at }, undefined);
  }
  return { compared, beyond, duplicates, doubled, differences };
}

/** What is known of a difference. Hashes of contents: zeros where a side has none. */
export interface Difference {
  readonly kind: DifferenceKind;
  readonly source: Hash;
  readonly index: Hash;
}

const differenceWords = 3 * hashWords;

/** Differences by the hash of their ids. */
export class Differences {
  #words = new Int32Array(64 * differenceWords);
  #kinds = new Uint8Array(64);
  #size = 0;
  #table: HashTable | undefined;

  get size(): number {
    return this.#size;
  }

  add(kind: DifferenceKind, source: PlacedPair | undefined, index: PlacedPair | undefined): void {
    if (this.#size === this.#kinds.length) this.#grow();
    const into = this.#size * differenceWords;
    const { words, at } = (source ?? index)!;
    for (let i = 0; i < hashWords; i++) {
      this.#words[into + i] = words[at + i]!;
      if (source) this.#words[into + hashWords + i] = source.words[source.at + hashWords + i]!;
      if (index) this.#words[into + 2 * hashWords + i] = index.words[index.at + hashWords + i]!;
    }
    this.#kinds[this.#size++] = kinds.indexOf(kind);
    this.#table = undefined;
  }

  /** The number of a difference, from 0; undefined when the id is not among them. */
  find(id: Hash): number | undefined {
    if (this.#table === undefined) {
      this.#table = new HashTable(this.#words, this.#size);
      for (let i = 0; i < this.#size; i++) this.#table.put(i * differenceWords);
    }
    const at = this.#table.find(id, 0);
    return at === undefined ? undefined : at / differenceWords;
  }

  at(number: number): Difference {
    const at = number * differenceWords;
    return {
      kind: kinds[this.#kinds[number]!]!,
      source: this.#words.subarray(at + hashWords, at + 2 * hashWords),
      index: this.#words.subarray(at + 2 * hashWords, at + 3 * hashWords),
    };
  }

  #grow(): void {
    const words = new Int32Array(this.#words.length * 2);
    words.set(this.#words);
    this.#words = words;
    const more = new Uint8Array(this.#kinds.length * 2);
    more.set(this.#kinds);
    this.#kinds = more;
  }
}
