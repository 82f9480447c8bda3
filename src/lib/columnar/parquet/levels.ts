import type { Column } from '../batch.js';
import { ListColumn, StructColumn } from '../nested-columns.js';
import type { Presence } from '../presence.js';
import { bitWidth, mostHybridBytes, writeHybrid, writeVarint } from './hybrid.js';

/**
 * Definition levels of a column that may be null, of the rows from `from` on, before `to`: 1 for a value. As bits, one
 * packed run, behind their length.
 * @returns the place in `out` behind them
 */
export function writeDefinitionLevels(
  presence: Presence,
  from: number,
  to: number,
  out: Buffer,
  at: number,
): number {
  const count = to - from;
  const nulls = presence.nullsBetween(from, to);
  let place = at + 4;
  if (nulls.length === 0 || nulls.length === count) {
    place = writeVarint(out, place, count * 2);
    out[place++] = nulls.length === 0 ? 1 : 0;
  } else {
    const bytes = Math.ceil(count / 8);
    place = writeVarint(out, place, bytes * 2 + 1);
    out.fill(0xff, place, place + bytes);
    for (const row of nulls) out[place + ((row - from) >> 3)]! &= ~(1 << ((row - from) & 7));
    place += bytes;
  }
  out.writeUInt32LE(place - at - 4, at);
  return place;
}

/** The maximum bytes of the levels of that number of rows. */
export function mostLevelBytes(rows: number): number {
  return 4 + 5 + Math.ceil(rows / 8);
}

/** Levels of some rows of a column within lists or records (Melnik et al., Dremel, 2010). */
export interface NestedLevels {
  /** How many levels of each kind there are. */
  readonly count: number;
  readonly definition: Int32Array;
  readonly repetition: Int32Array;
  /** How many values belong to them. */
  readonly values: number;
}

/** Gives the levels of a leaf, some rows after the other. */
export class LevelReader {
  /** From the column of the schema to the leaf. */
  readonly #chain: readonly Column[];
  /** Of each column in the chain: the next row, and how many rows before it are null. */
  readonly #rows: number[];
  readonly #nulls: number[];
  #definition = new Int32Array(1024);
  #repetition = new Int32Array(1024);
  #count = 0;
  #values = 0;

  constructor(chain: readonly Column[]) {
    this.#chain = chain;
    this.#rows = chain.map(() => 0);
    this.#nulls = chain.map(() => 0);
  }

  /** Of the next rows. Valid until the next call. */
  next(rows: number): NestedLevels {
    this.#count = 0;
    this.#values = 0;
    for (let i = 0; i < rows; i++) this.#visit(0, 0, 0, 0);
    return {
      count: this.#count,
      definition: this.#definition,
      repetition: this.#repetition,
      values: this.#values,
    };
  }

  /** @param lists that the column is within */
  #visit(depth: number, lists: number, definition: number, repetition: number): void {
    const column = this.#chain[depth]!;
    const row = this.#rows[depth]!++;
    if (column.presence.nullRow(this.#nulls[depth]!) === row) {
      this.#nulls[depth]!++;
      this.#add(definition, repetition);
    } else if (column instanceof ListColumn) {
      const list = row - this.#nulls[depth]!;
      const [start, end] = [column.offsets[list]!, column.offsets[list + 1]!];
      if (start === end) this.#add(definition + 1, repetition);
      for (let i = start; i < end; i++)
        this.#visit(depth + 1, lists + 1, definition + 2, i === start ? repetition : lists + 1);
    } else if (column instanceof StructColumn) {
      this.#visit(depth + 1, lists, definition + 1, repetition);
    } else {
      this.#add(definition + 1, repetition);
      this.#values++;
    }
  }

  #add(definition: number, repetition: number): void {
    if (this.#count === this.#definition.length) {
      this.#definition = doubled(this.#definition);
      this.#repetition = doubled(this.#repetition);
    }
    this.#definition[this.#count] = definition;
    this.#repetition[this.#count++] = repetition;
  }
}

/** One kind of levels, behind their length. @returns the place in `out` behind them */
export function writeLevels(
  levels: Int32Array,
  count: number,
  largest: number,
  out: Buffer,
  at: number,
): number {
  const end = writeHybrid(levels, 0, count, bitWidth(largest), out, at + 4);
  out.writeUInt32LE(end - at - 4, at);
  return end;
}

/** Most bytes that `writeLevels` needs. */
export function mostNestedLevelBytes(count: number, largest: number): number {
  return 4 + mostHybridBytes(count, bitWidth(largest));
}

function doubled(array: Int32Array): Int32Array<ArrayBuffer> {
  const more = new Int32Array(2 * array.length);
  more.set(array);
  return more;
}
