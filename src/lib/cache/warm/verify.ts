import { abortable } from '../../core/abortable.js';
import { bytesOf, type ByteString } from '../../core/bytes.js';
import type { BulkLevel, Entry, StoredValue } from '../bulk-level.js';
import { keyText } from '../key-text.js';

export interface Verified {
  /** Keys compared, over all levels. */
  checked: number;
  /** Another value than the source gives, on a second look as well. */
  mismatched: number;
  /** Gone: evicted, expired, or never arrived. */
  missing: number;
  /** Another value, among so many that their rows were not read once more: not known which of both. */
  undecided?: number;
  /** A few of them, for the eye. */
  /** Keys in the text that verbs take. */
  examples: { key: string; level: string; problem: 'mismatched' | 'missing' }[];
}

export function addVerified(sum: Verified | undefined, more: Verified): Verified {
  if (!sum) return more;
  const undecided = (sum.undecided ?? 0) + (more.undecided ?? 0);
  return {
    checked: sum.checked + more.checked,
    mismatched: sum.mismatched + more.mismatched,
    missing: sum.missing + more.missing,
    ...(undecided > 0 ? { undecided } : {}),
    examples: [...sum.examples, ...more.examples].slice(0, exampleLimit),
  };
}

const exampleLimit = 10;
/**
 * Keys with another value are kept until the source was read once more. Where many rows share their keys, as readings
 * of the same meters do, those are many; the limit bounds the memory.
 */
const suspectLimit = 200_000;
const compareBatch = 1000;

/**
 * Which keys a run did not write (skipped by `--nx`, failed) and so must not compare: a Bloom filter of 16 MiB, so
 * that memory stays constant. A false positive (1 % at 14 million keys) leaves a key uncompared, no more.
 * B. H. Bloom, Space/time trade-offs in hash coding with allowable errors, 1970; double hashing after
 * Kirsch and Mitzenmacher, 2006.
 */
export class KeyFilter {
  #bits: Uint32Array | undefined;

  add(key: ByteString): void {
    const bits = (this.#bits ??= new Uint32Array(1 << 22));
    for (const bit of positions(key)) bits[bit >>> 5]! |= 1 << (bit & 31);
  }

  has(key: ByteString): boolean {
    const bits = this.#bits;
    if (!bits) return false;
    for (const bit of positions(key)) if ((bits[bit >>> 5]! & (1 << (bit & 31))) === 0) return false;
    return true;
  }
}

function positions(key: ByteString): number[] {
  let a = 0x811c9dc5;
  let b = 0x9e3779b1;
  for (let i = 0; i < key.length; i++) {
    a = Math.imul(a ^ key.charCodeAt(i), 0x01000193);
    b = Math.imul(b + key.charCodeAt(i), 0x85ebca6b) ^ (b >>> 13);
  }
  const found: number[] = [];
  for (let i = 0; i < 7; i++) found.push(((a + Math.imul(i, b | 1)) >>> 0) % (1 << 27));
  return found;
}

/**
 * A uniform sample of the keys written, with the values they should have. How many keys to pass over is drawn ahead,
 * so that a key costs next to nothing (K.-H. Li, Reservoir-sampling algorithms of time complexity O(n(1+log(N/n))),
 * 1994, algorithm L).
 */
export class WrittenSample {
  readonly #values = new Map<ByteString, StoredValue>();
  readonly #keys: ByteString[] = [];
  #weight = 1;
  #passOver = 0;

  /** @param followsRepeats a sampled key that is written again gets its new value. */
  constructor(
    readonly size: number,
    private readonly followsRepeats = true,
  ) {}

  offer({ key, value }: Entry): void {
    if (this.followsRepeats && this.#values.has(key)) {
      this.#values.set(key, copy(value));
      return;
    }
    if (this.#passOver > 0) {
      this.#passOver--;
      return;
    }
    const full = this.#keys.length >= this.size;
    const at = full ? Math.floor(Math.random() * this.size) : this.#keys.length;
    if (full) this.#values.delete(this.#keys[at]!);
    this.#keys[at] = copy(key) as ByteString;
    this.#values.set(this.#keys[at], copy(value));
    if (this.#keys.length < this.size) return;
    this.#weight *= Math.exp(Math.log(1 - Math.random()) / this.size);
    this.#passOver = Math.floor(Math.log(1 - Math.random()) / Math.log(1 - this.#weight));
  }

  *entries(): Generator<[ByteString, StoredValue]> {
    yield* this.#values;
  }
}

/** What is kept must not hold on to the chunk of input it was cut out of. */
function copy(value: StoredValue): StoredValue {
  return typeof value === 'string'
    ? bytesOf(Buffer.from(value, 'latin1'))
    : value.map((part) => copy(part) as ByteString);
}

export interface VerifyPlan {
  levels: BulkLevel[];
  /** The keys and values to compare: a sample, or everything the source gives. */
  expected: AsyncIterable<[ByteString, StoredValue]> | Iterable<[ByteString, StoredValue]>;
  /** The source once more, for keys whose value differs; undefined when it cannot be read again. */
  again?: (() => AsyncIterable<[ByteString, StoredValue]>) | undefined;
  excluded(level: BulkLevel, key: ByteString): boolean;
  signal: AbortSignal;
  progress(checked: number): void;
}

/**
 * Compares what the levels hold with what they should hold. A value that differs is compared once more with what
 * the source gives then: its row may have changed, or a later row may have the same key.
 */
export async function verify(plan: VerifyPlan): Promise<Verified> {
  const result: Verified = { checked: 0, mismatched: 0, missing: 0, examples: [] };
  const suspects = new Map<BulkLevel, Map<ByteString, StoredValue>>();
  for (const level of plan.levels) suspects.set(level, new Map());
  const report = (level: BulkLevel, key: ByteString, problem: 'mismatched' | 'missing') => {
    result[problem]++;
    if (result.examples.length < exampleLimit)
      result.examples.push({ key: keyText(key), level: level.name, problem });
  };

  const read = (level: BulkLevel, keys: ByteString[]) =>
    abortable(level.read(keys, plan.signal), plan.signal);

  const compare = async (batch: [ByteString, StoredValue][]) => {
    for (const level of plan.levels) {
      const wanted = batch.filter(([key]) => !plan.excluded(level, key));
      const found = await read(
        level,
        wanted.map(([key]) => key),
      );
      result.checked += wanted.length;
      for (const [i, [key, value]] of wanted.entries()) {
        if (found[i] === null) report(level, key, 'missing');
        else if (!sameValue(found[i]!, value)) {
          const waiting = suspects.get(level)!;
          if (!plan.again) report(level, key, 'mismatched');
          else if (waiting.has(key) || waiting.size < suspectLimit)
            waiting.set(copy(key) as ByteString, copy(value));
          else {
            result.checked--;
            result.undecided = (result.undecided ?? 0) + 1;
          }
        }
      }
    }
    plan.progress(result.checked);
  };
  await inBatches(plan.expected, plan.signal, compare);

  if (plan.again && [...suspects.values()].some((keys) => keys.size > 0)) {
    for await (const [key, value] of plan.again()) {
      plan.signal.throwIfAborted();
      for (const keys of suspects.values()) if (keys.has(key)) keys.set(key, copy(value));
    }
    for (const [level, keys] of suspects) {
      await inBatches(keys, plan.signal, async (batch) => {
        const found = await read(
          level,
          batch.map(([key]) => key),
        );
        for (const [i, [key, value]] of batch.entries()) {
          if (found[i] === null) report(level, key, 'missing');
          else if (!sameValue(found[i]!, value)) report(level, key, 'mismatched');
        }
      });
    }
  }
  return result;
}

async function inBatches(
  entries: AsyncIterable<[ByteString, StoredValue]> | Iterable<[ByteString, StoredValue]>,
  signal: AbortSignal,
  compare: (batch: [ByteString, StoredValue][]) => Promise<void>,
): Promise<void> {
  let batch: [ByteString, StoredValue][] = [];
  for await (const entry of entries) {
    signal.throwIfAborted();
    batch.push(entry);
    if (batch.length < compareBatch) continue;
    await compare(batch);
    batch = [];
  }
  if (batch.length > 0) await compare(batch);
}

/** Hashes are compared whatever the order of their fields. */
export function sameValue(a: StoredValue, b: StoredValue): boolean {
  if (typeof a === 'string' || typeof b === 'string') return a === b;
  if (a.length !== b.length) return false;
  const fields = new Map<ByteString, ByteString>();
  for (let i = 0; i < a.length; i += 2) fields.set(a[i]!, a[i + 1]!);
  for (let i = 0; i < b.length; i += 2) if (fields.get(b[i]!) !== b[i + 1]) return false;
  return true;
}
