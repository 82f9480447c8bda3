import { quoteIdentifier } from '../../sql/quote.js';

/** Rows of a table, as they are exported. */
export interface SinceSource {
  /** The table's alias in `extra` and `condition`. */
  readonly row: string;
  /** The rows as a query. @param extra more columns @param condition of the rows */
  sql(extra: readonly string[], condition?: string): string;
}

/** All columns of a table. @param table quoted */
export function wholeTable(table: string): SinceSource {
  const row = 'metrify_row';
  return {
    row,
    sql: (extra, condition) =>
      `SELECT ${[`${row}.*`, ...extra].join(', ')} FROM ${table} AS ${row}${condition === undefined ? '' : ` WHERE ${condition}`}`,
  };
}

/** An SQL expression of the partition that a row belongs to. */
export function partitionSql(partitionBy: readonly string[]): string {
  return `ARRAY[${partitionBy.map((name) => `${quoteIdentifier(name)}::text`).join(', ')}]::text[]`;
}
