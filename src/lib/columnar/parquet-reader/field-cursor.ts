import type { Column } from '../batch.js';
import { ListColumn, StructColumn } from '../nested-columns.js';
import type { FileLeaf, Step } from './file-schema.js';
import type { LeafCursor } from './leaf-cursor.js';
import { windowSize } from './leaf-cursor.js';
import { ParquetMalformed } from './malformed.js';

/** A place among the rows of one column in one row group. */
export class FieldCursor {
  readonly #leaves: readonly LeafRows[];

  constructor(leaves: readonly { readonly leaf: FileLeaf; readonly cursor: LeafCursor }[]) {
    this.#leaves = leaves.map(({ leaf, cursor }) =>
      leaf.steps.length === 1 ? new FlatRows(cursor, leaf) : new NestedRows(cursor, leaf),
    );
  }

  /**
   * Fills a column that is empty.
   * @param from the first row, of the row group; not before what was read last
   * @throws ParquetMalformed
   */
  async read(from: number, count: number, column: Column): Promise<void> {
    const chains = this.#leaves.map((leaf) => beginChain(leaf.leaf.steps, column));
    for (const [i, leaf] of this.#leaves.entries()) await leaf.read(from, count, chains[i]!);
    for (const chain of chains) checkEnd(chain);
  }
}

/** The columns from a field's down to a leaf's, and which row of each is next. */
interface Chain {
  readonly columns: readonly Column[];
  readonly steps: readonly Step[];
  readonly next: number[];
}

interface LeafRows {
  readonly leaf: FileLeaf;
  read(from: number, count: number, chain: Chain): Promise<void>;
}

function beginChain(steps: readonly Step[], column: Column): Chain {
  const columns = [column];
  for (const { part } of steps.slice(0, -1)) {
    const above = columns.at(-1)!;
    if (above instanceof ListColumn) columns.push(above.elements);
    else if (above instanceof StructColumn) columns.push(above.fields[part]!);
    else throw new ParquetMalformed('a column of another shape');
  }
  return { columns, steps, next: columns.map(() => 0) };
}

/** Whether a leaf has found as many lists and records as the first one that is in them. */
function checkEnd({ columns, next }: Chain): void {
  for (const [i, column] of columns.slice(0, -1).entries()) {
    const rows =
      column instanceof ListColumn
        ? column.count === 0
          ? 0
          : column.offsets[column.count]!
        : (column as StructColumn).count;
    if (rows !== next[i + 1]) throw new ParquetMalformed('the parts of a column do not fit together');
  }
}

/** A column without parts: an entry is a row. */
class FlatRows implements LeafRows {
  #row = 0;

  constructor(
    readonly cursor: LeafCursor,
    readonly leaf: FileLeaf,
  ) {}

  async read(from: number, count: number, { columns }: Chain): Promise<void> {
    const { cursor } = this;
    cursor.forget();
    const column = columns[0]!;
    this.#row = await cursor.skipPages(from, this.#row);
    while (this.#row < from) cursor.skip(await this.#levels(from - this.#row));
    const end = from + count;
    for (let row = 0; this.#row < end;) {
      const before = this.#row;
      const values = await this.#levels(end - before);
      const rows = this.#row - before;
      if (values < rows) {
        const { definition } = cursor;
        for (let i = 0; i < rows; i++) if (definition[i] === 0) column.presence.addNull(row + i);
      }
      cursor.copy(values, column);
      row += rows;
    }
  }

  /** Goes on by some rows. @returns how many of them have a value */
  async #levels(most: number): Promise<number> {
    const { cursor } = this;
    if (!(await cursor.more())) throw new ParquetMalformed('a column has fewer rows than the others');
    const rows = cursor.readLevels(most);
    this.#row += rows;
    if (!cursor.hasDefinition) return rows;
    const { definition } = cursor;
    let values = 0;
    for (let i = 0; i < rows; i++) if (definition[i]! > 0) values++;
    return values;
  }
}

/** A leaf within lists or records. */
class NestedRows implements LeafRows {
  /** Rows that have begun. */
  #row = 0;
  /** Entries of the window, and how many were used. */
  #entries = 0;
  #at = 0;
  /** Which step is next where an entry repeats at a level. */
  readonly #stepAt: readonly number[];

  constructor(
    readonly cursor: LeafCursor,
    readonly leaf: FileLeaf,
  ) {
    const lists = leaf.steps.flatMap(({ kind }, i) => (kind === 'list' ? [i + 1] : []));
    this.#stepAt = [0, ...lists];
  }

  async read(from: number, count: number, chain: Chain): Promise<void> {
    this.cursor.forget();
    if (this.#row < from && this.#at === this.#entries) this.#row = await this.#skipPages(from);
    if (this.#row < from) await this.#take(from - this.#row, undefined);
    await this.#take(count, chain);
  }

  async #skipPages(from: number): Promise<number> {
    const row = await this.cursor.skipPages(from, this.#row);
    if (row !== this.#row) this.#entries = this.#at = 0;
    return row;
  }

  /** @param chain undefined: the rows are passed over */
  async #take(count: number, chain: Chain | undefined): Promise<void> {
    const { cursor, leaf } = this;
    const { definition, repetition } = cursor;
    const { maxDefinition, maxRepetition } = leaf.shape;
    const end = this.#row + count;
    while (this.#row < end || !(await this.#isAtRowEnd())) {
      if (this.#at === this.#entries && !(await this.#fill()))
        throw new ParquetMalformed('a column has fewer rows than the others');
      let values = 0;
      for (; this.#at < this.#entries; this.#at++) {
        const level = maxRepetition === 0 ? 0 : repetition[this.#at]!;
        if (level === 0) {
          if (this.#row === end) break;
          this.#row++;
        }
        const defined = cursor.hasDefinition ? definition[this.#at]! : maxDefinition;
        if (defined === maxDefinition) values++;
        if (chain) this.#place(chain, level, defined);
      }
      if (chain) cursor.copy(values, chain.columns.at(-1)!);
      else cursor.skip(values);
    }
  }

  /** Whether the next entry begins a row, or there is none. */
  async #isAtRowEnd(): Promise<boolean> {
    if (this.leaf.shape.maxRepetition === 0) return true;
    if (this.#at === this.#entries) {
      if (this.cursor.left === 0 && this.cursor.isAligned) return true;
      if (!(await this.#fill())) return true;
    }
    return this.cursor.repetition[this.#at] === 0;
  }

  async #fill(): Promise<boolean> {
    if (!(await this.cursor.more())) return false;
    this.#entries = this.cursor.readLevels(windowSize);
    this.#at = 0;
    return true;
  }

  /** Notes what an entry says of the lists and records that it is in. */
  #place({ columns, steps, next }: Chain, level: number, defined: number): void {
    const begin = this.#stepAt[level];
    if (begin === undefined || (level === 0 ? false : defined < steps[begin - 1]!.elementAt))
      throw new ParquetMalformed('the levels of a column are wrong');
    if (begin > 0 && steps[begin - 1]!.isFirst) {
      const list = columns[begin - 1] as ListColumn;
      if (list.count === 0) throw new ParquetMalformed('the levels of a column are wrong');
      list.offsets[list.count]!++;
    }
    for (let i = begin; ; i++) {
      const { kind, presentAt, elementAt, isFirst } = steps[i]!;
      const row = next[i]!++;
      if (defined < presentAt) {
        if (isFirst) columns[i]!.presence.addNull(row);
        return;
      }
      if (kind === 'leaf') return;
      if (kind === 'struct') {
        if (isFirst) (columns[i] as StructColumn).count++;
        continue;
      }
      if (isFirst) {
        const list = columns[i] as ListColumn;
        list.reserve(list.count + 1);
        if (list.count === 0) list.offsets[0] = 0;
        const from = list.offsets[list.count]!;
        list.offsets[++list.count] = defined < elementAt ? from : from + 1;
      }
      if (defined < elementAt) return;
    }
  }
}
