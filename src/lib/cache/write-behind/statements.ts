import { quoteIdentifier } from '../../sql/quote.js';
import type { QueueEntry } from './entry.js';
import type { Tables } from './types.js';

/** Entries of one round that one statement can take: same table, operation and columns. */
export interface Group {
  /** One parameter: the rows as a JSON array. */
  sql: string;
  entries: readonly QueueEntry[];
  /** Every entry must meet a row. */
  mustMatch: boolean;
}

/**
 * The statements for these entries, in order. Entries of one key never share a round, except inserts, which go in in
 * their order; between keys there is no order.
 */
export function planStatements(tables: Tables, entries: readonly QueueEntry[]): Group[] {
  const first = entries[0];
  // What a queue mostly has, and nothing that could overtake anything.
  if (first?.operation === 'insert' && entries.every(({ shape }) => shape === first.shape))
    return [{ sql: statement(tables[first.table]!.key, first), entries, mustMatch: false }];
  const rounds: Map<string, Group>[] = [];
  const last = new Map<string, { round: number; shape: string }>();
  for (const entry of entries) {
    const { shape } = entry;
    const before = last.get(entry.key);
    const round = !before
      ? 0
      : before.shape === shape && entry.operation === 'insert'
        ? before.round
        : before.round + 1;
    last.set(entry.key, { round, shape });
    const groups = (rounds[round] ??= new Map<string, Group>());
    const group = groups.get(shape);
    if (group) (group.entries as QueueEntry[]).push(entry);
    else
      groups.set(shape, {
        sql: statement(tables[entry.table]!.key, entry),
        entries: [entry],
        mustMatch: entry.operation === 'update',
      });
  }
  return rounds.flatMap((groups) => [...groups.values()]);
}

/** Columns get their types from the table, by way of PostgreSQL's own reading of JSON: no digit is lost. */
function statement(key: readonly string[], { table, operation, columns }: QueueEntry): string {
  const target = tableName(table);
  const names = columns.map(quoteIdentifier);
  const rows = `json_populate_recordset(NULL::${target}, $1::json) AS r`;
  const sameKey = key
    .map(quoteIdentifier)
    .map((name) => `t.${name} = r.${name}`)
    .join(' AND ');
  const others = columns.filter((column) => !key.includes(column)).map(quoteIdentifier);
  const insert = `INSERT INTO ${target} (${names.join(', ')}) SELECT ${names.map((name) => `r.${name}`).join(', ')} FROM ${rows}`;
  switch (operation) {
    case 'insert':
      return insert;
    case 'upsert': {
      const set = others.map((name) => `${name} = excluded.${name}`).join(', ');
      const action = others.length === 0 ? 'NOTHING' : `UPDATE SET ${set}`;
      return `${insert} ON CONFLICT (${key.map(quoteIdentifier).join(', ')}) DO ${action}`;
    }
    case 'update':
      return `UPDATE ${target} AS t SET ${others.map((name) => `${name} = r.${name}`).join(', ')} FROM ${rows} WHERE ${sameKey}`;
    case 'delete':
      return `DELETE FROM ${target} AS t USING ${rows} WHERE ${sameKey}`;
  }
}

/** `schema.table` or `table`. */
function tableName(name: string): string {
  return name.split('.').map(quoteIdentifier).join('.');
}
