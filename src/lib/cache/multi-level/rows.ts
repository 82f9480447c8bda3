import type { PostgresClient } from '../../clients/postgres.js';
import { ServiceConflict, systemCode, UserError } from '../../core/errors.js';
import { quoteIdentifier } from '../../sql/quote.js';
import type { Operation, RowTarget, Tables } from '../write-behind/types.js';
import type { PostgresPool } from '../../clients/postgres/pool.js';

/** Writes rows, and says in which order the writes of a row were committed. */
export interface RowWriter {
  /** @returns the write's version: greater than those of all writes of the row that were committed before. */
  write(target: RowTarget, operation: Operation): Promise<bigint>;
  close(): Promise<void>;
}

const sequence = 'metrify_versions';

/**
 * Rows of PostgreSQL. Each write is one statement, and so one transaction. Its version is taken from a sequence by
 * `RETURNING`, which is computed when the row is locked by this transaction; the lock is held until the commit, so
 * the next writer of the row draws its number after this commit, and the numbers order the versions as the commits
 * did. That needs a sequence without `CACHE`, whose sessions would draw their numbers in advance.
 */
export class PostgresRows implements RowWriter {
  private ready: Promise<void> | undefined;

  constructor(
    private readonly pool: PostgresPool,
    private readonly tables: Tables,
  ) {}

  /**
   * @throws UserError `TABLE_UNKNOWN`, `COLUMN_MISSING`, `ROW_MISSING` (an update of no row); ServiceConflict
   * `ROW_EXISTS` (an insert); ServiceUnavailable, after which it is not known whether the row was written; else the
   * error of PostgreSQL with its SQLSTATE.
   */
  async write({ table, row }: RowTarget, operation: Operation): Promise<bigint> {
    const { text, params } = statementOf(table, row, operation, this.keyOf(table, row));
    return this.pool.run(async (client) => {
      await (this.ready ??= createSequence(client).catch((error: unknown) => {
        this.ready = undefined;
        throw error;
      }));
      try {
        const { rows } = await client.query<{ version: string }>(text, params, { columns: ['version'] });
        if (rows[0]) return BigInt(rows[0].version);
      } catch (error) {
        if (operation === 'insert' && systemCode(error) === '23505')
          throw new ServiceConflict(`${table} has such a row already`, {
            code: 'ROW_EXISTS',
            hint: 'Upsert it, or update it.',
            cause: error,
          });
        throw error;
      }
      if (operation !== 'delete')
        throw new UserError(`${table} has no such row to update`, {
          code: 'ROW_MISSING',
          hint: 'Upsert it.',
        });
      // No row, no lock: but removing a key is right in any order.
      const { rows } = await client.query<{ version: string }>(
        `SELECT nextval('${sequence}')::text AS version`,
        [],
        { columns: ['version'] },
      );
      return BigInt(rows[0]!.version);
    });
  }

  close(): Promise<void> {
    return this.pool.close();
  }

  private keyOf(table: string, row: Readonly<Record<string, unknown>>): readonly string[] {
    const settings = Object.hasOwn(this.tables, table) ? this.tables[table] : undefined;
    if (!settings)
      throw new UserError(`no key columns are configured for table '${table}'`, {
        code: 'TABLE_UNKNOWN',
        hint: `Configured: ${Object.keys(this.tables).join(', ') || 'none'}.`,
      });
    const missing = settings.key.find((column) => row[column] === undefined || row[column] === null);
    if (missing !== undefined)
      throw new UserError(`the row has no value for '${missing}', a key column of ${table}`, {
        code: 'COLUMN_MISSING',
      });
    return settings.key;
  }
}

/** One parameterised statement that returns the write's version. */
export function statementOf(
  table: string,
  row: Readonly<Record<string, unknown>>,
  operation: Operation,
  key: readonly string[],
): { text: string; params: unknown[] } {
  const name = table.split('.').map(quoteIdentifier).join('.');
  const columns = Object.keys(row).filter((column) => row[column] !== undefined);
  const rest = columns.filter((column) => !key.includes(column));
  const returning = `RETURNING nextval('${sequence}')::text AS version`;
  const list = (names: readonly string[]): string => names.map(quoteIdentifier).join(', ');
  const equal = (names: readonly string[], from: number, glue: string): string =>
    names.map((column, i) => `${quoteIdentifier(column)} = $${from + i}`).join(glue);
  const values = (names: readonly string[]): unknown[] => names.map((column) => row[column]);

  if (operation === 'delete')
    return { text: `DELETE FROM ${name} WHERE ${equal(key, 1, ' AND ')} ${returning}`, params: values(key) };
  if (operation === 'update') {
    // A row of its key alone is touched, for its lock.
    const set = rest.length > 0 ? rest : key;
    const where = equal(key, set.length + 1, ' AND ');
    const text = `UPDATE ${name} SET ${equal(set, 1, ', ')} WHERE ${where} ${returning}`;
    return { text, params: [...values(set), ...values(key)] };
  }
  const places = columns.map((_, i) => `$${i + 1}`).join(', ');
  const insert = `INSERT INTO ${name} (${list(columns)}) VALUES (${places})`;
  if (operation === 'insert') return { text: `${insert} ${returning}`, params: values(columns) };
  const update = (rest.length > 0 ? rest : key).map(
    (column) => `${quoteIdentifier(column)} = excluded.${quoteIdentifier(column)}`,
  );
  return {
    text: `${insert} ON CONFLICT (${list(key)}) DO UPDATE SET ${update.join(', ')} ${returning}`,
    params: values(columns),
  };
}

/** Looks first: creating wants a right that a service's role need not have. */
async function createSequence(client: PostgresClient): Promise<void> {
  const { rows } = await client.query<{ there: boolean }>(
    `SELECT to_regclass('${sequence}') IS NOT NULL AS there`,
  );
  if (rows[0]?.there) return;
  try {
    await client.query(`CREATE SEQUENCE IF NOT EXISTS ${sequence}`);
  } catch (error) {
    // Two who create it at once: the other was faster.
    if (!['23505', '42P07'].includes(systemCode(error) ?? '')) throw error;
  }
}
