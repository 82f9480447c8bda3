import { systemCode, UserError } from '../../core/errors.js';
import type { PostgresClient } from '../../clients/postgres.js';

/** The level's table: its name quoted for SQL, and how it is made. */
export class CacheTable {
  readonly sql: string;

  /** @throws UserError when the name is neither `table` nor `schema.table`. */
  constructor(readonly name: string) {
    const parts = name.split('.');
    if (parts.length > 2 || parts.some((part) => part === '' || part.includes('\0'))) {
      throw new UserError(`'${name}' is no table's name`, {
        hint: 'Write it like metrify_cache or cache.entries.',
      });
    }
    this.sql = parts.map(quote).join('.');
  }

  async exists(client: PostgresClient): Promise<boolean> {
    const { rows } = await client.query<{ exists: boolean }>(
      'SELECT to_regclass($1) IS NOT NULL AS exists',
      [this.sql],
      { columns: ['exists'] },
    );
    return rows[0]!.exists;
  }

  /** Looks first, because CREATE … IF NOT EXISTS wants the right to create even where there is nothing to do. */
  async create(client: PostgresClient): Promise<void> {
    if (await this.exists(client)) {
      await this.migrate(client);
      return;
    }
    const index = quote(`${this.name.split('.').at(-1)!.slice(0, 40)}_expires_at_idx`);
    try {
      // Bytewise order makes prefixes ranges of the index, and does not change with the system's locale.
      await client.query(
        `CREATE TABLE IF NOT EXISTS ${this.sql} (
           key text COLLATE "C" PRIMARY KEY, value bytea NOT NULL, expires_at timestamptz,
           version bigint NOT NULL DEFAULT 0);
         CREATE INDEX IF NOT EXISTS ${index} ON ${this.sql} (expires_at)`,
      );
    } catch (error) {
      // Two who create it at once: the other was faster.
      if (!['23505', '42P07', '42710'].includes(systemCode(error) ?? '')) throw error;
    }
  }

  /** Tables of the first release had no versions. Only its owner may alter a table, so it is looked at first here too. */
  private async migrate(client: PostgresClient): Promise<void> {
    const { rows } = await client.query(
      `SELECT 1 FROM pg_attribute WHERE attrelid = to_regclass($1) AND attname = 'version' AND NOT attisdropped`,
      [this.sql],
    );
    if (rows.length === 0)
      await client.query(
        `ALTER TABLE ${this.sql} ADD COLUMN IF NOT EXISTS version bigint NOT NULL DEFAULT 0`,
      );
  }
}

/** A table that is not there holds nothing. */
export async function unlessMissing<T>(work: Promise<T>, otherwise: T): Promise<T> {
  try {
    return await work;
  } catch (error) {
    const code = systemCode(error);
    if (code === '42P01' || code === '3F000') return otherwise;
    throw error;
  }
}

function quote(identifier: string): string {
  return `"${identifier.replaceAll('"', '""')}"`;
}
