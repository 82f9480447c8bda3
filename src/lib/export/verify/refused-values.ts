import type { Misfit, MisfitRules, MisfitSink } from '../../columnar/refusals.js';

/** Values of the database that the dataset cannot hold. */
export interface RefusedColumn {
  readonly name: string;
  /** `infinity`: the first of them. */
  readonly value: string;
  readonly count: number;
}

/** Remembers where such values are: they are compared as what no file has, not as the null that stands in their place. */
export class RefusedValues implements MisfitSink {
  readonly isFatal = false;
  readonly #infinity: MisfitRules['infinity'];
  readonly #columns = new Map<string, { name: string; value: string; count: number }>();
  /** Those of the batch that is read: rows of the query, from 1, by column. */
  #rows = new Map<string, number[]>();

  constructor(infinity: MisfitRules['infinity']) {
    this.#infinity = infinity;
  }

  get columns(): readonly RefusedColumn[] {
    return [...this.#columns.values()];
  }

  add(name: string, { kind, value }: Misfit, row: number): void {
    if (kind === 'misread' || (kind === 'infinity' && this.#infinity === 'null')) return;
    const column = this.#columns.get(name) ?? { name, value, count: 0 };
    column.count++;
    this.#columns.set(name, column);
    const rows = this.#rows.get(name);
    if (rows) rows.push(row);
    else this.#rows.set(name, [row]);
  }

  /** They are compared, and refuse nothing. */
  check(): void {}

  /** Gives the rows with such values since the last call. @param before rows of the batches before @returns rows of the batch, by column */
  take(before: number): ReadonlyMap<string, readonly number[]> {
    const taken = this.#rows;
    this.#rows = new Map();
    return new Map(Array.from(taken, ([name, rows]) => [name, rows.map((row) => row - before - 1)]));
  }
}
