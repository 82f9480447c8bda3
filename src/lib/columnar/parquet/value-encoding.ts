import { BytesColumn } from '../bytes-column.js';
import type { FixedColumn } from '../fixed-column.js';
import type { ScalarType } from '../type.js';
import { deltaBytes, mostDeltaBytes, readWholeNumbers, writeDelta } from './delta.js';
import { encodings } from './format.js';
import { bitWidth, mostHybridBytes, writeHybrid } from './hybrid.js';
import { type LeafColumn, plainBytes, plainEntries, writePlain } from './plain.js';
import type { Scratch } from './scratch.js';

/** How the values of a column are written in one row group. */
export interface ValueEncoding {
  /** Its number in parquet.thrift. */
  readonly id: number;
  /** Values that codes stand for. */
  readonly dictionary?: Dictionary;
  /** Most bytes of the values from `from` on, before `to`. */
  mostBytes(from: number, to: number): number;
  /** @returns the place in `page` behind them */
  write(from: number, to: number, page: Buffer, at: number): number;
}

interface Dictionary {
  /** As PLAIN. */
  readonly body: Buffer;
  readonly count: number;
  /** Whether a reader may conclude from the dictionary that a value is not there. */
  readonly isConclusive: boolean;
}

/** The encoding that takes the fewest bytes, before compression. It may use memory of `scratch`: it is good until the next one. */
export function chooseEncoding(column: LeafColumn, type: ScalarType, scratch: Scratch): ValueEncoding {
  if (column.count === 0) return plain(column, type);
  if (column instanceof BytesColumn) return worthwhileDictionary(column) ?? plain(column, type);
  return fixedEncoding(column, type, scratch);
}

function worthwhileDictionary(column: BytesColumn): ValueEncoding | undefined {
  const { isPlain, entries, count, codes } = column;
  if (isPlain) return undefined;
  const body = column.length + 4 * entries;
  // Half of the values need not be written: whatever they are, that is worth their codes.
  if (2 * entries > count && body + (count * bitWidth(entries)) / 8 >= plainBytes(column, 0, count))
    return undefined;
  return dictionaryEncoding({ body: plainEntries(column), count: entries, isConclusive: true }, codes);
}

function fixedEncoding(column: FixedColumn, type: ScalarType, scratch: Scratch): ValueEncoding {
  const { width, count } = column;
  const made = scratch.dictionaries(width)?.make(column);
  const best = made?.bytes ?? width * count;
  const isWhole = type.storage === 'int32' || type.storage === 'int64';
  const numbers = isWhole ? scratch.numbers(count) : undefined;
  if (numbers && readWholeNumbers(column, numbers)) {
    const bytes = deltaBytes(numbers, 0, count, type.storage);
    if (bytes !== undefined && bytes < best) return delta(numbers);
  }
  if (!made) return plain(column, type);
  const words = width / 4;
  const { entries, codes } = made;
  const body = Buffer.from(entries.buffer, 0, 4 * words * made.count);
  // −0 and +0 are equal, and readers look for one of them.
  const isConclusive = isWhole || !hasZero(entries, made.count, words);
  return dictionaryEncoding({ body, count: made.count, isConclusive }, codes);
}

function hasZero(entries: Int32Array, count: number, words: number): boolean {
  for (let i = 0; i < count; i++) {
    const high = entries[(i + 1) * words - 1]!;
    if ((high & 0x7fffffff) === 0 && (words === 1 || entries[i * words] === 0)) return true;
  }
  return false;
}

function plain(column: LeafColumn, { storage }: ScalarType): ValueEncoding {
  const isBoolean = storage === 'boolean';
  return {
    id: encodings.plain,
    mostBytes: (from, to) => plainBytes(column, from, to),
    write: (from, to, page, at) => writePlain(column, isBoolean, from, to, page, at),
  };
}

function delta(numbers: Float64Array): ValueEncoding {
  return {
    id: encodings.deltaBinaryPacked,
    mostBytes: (from, to) => mostDeltaBytes(to - from),
    write: (from, to, page, at) => writeDelta(numbers, from, to, page, at),
  };
}

function dictionaryEncoding(dictionary: Dictionary, codes: Int32Array): ValueEncoding {
  // Some readers cannot read codes of no bits.
  const width = bitWidth(Math.max(1, dictionary.count - 1));
  return {
    id: encodings.rleDictionary,
    dictionary,
    mostBytes: (from, to) => 1 + mostHybridBytes(to - from, width),
    write(from, to, page, at) {
      page[at] = width;
      return writeHybrid(codes, from, to, width, page, at + 1);
    },
  };
}
