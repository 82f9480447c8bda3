import { openPostgres, type PostgresClient } from '../../../src/lib/clients/postgres.js';
import {
  type Changes,
  findChanges,
  type HeldRows,
  type OnChange,
} from '../../../src/lib/export/since/changes.js';
import { stateAfter } from '../../../src/lib/export/since/incremental-run.js';
import { wholeTable } from '../../../src/lib/export/since/source.js';
import type { State } from '../../../src/lib/export/since/state.js';
import { findTable } from '../../../src/lib/export/table.js';
import { readSinceTable } from '../../../src/lib/export/since/table.js';

const never = new AbortController().signal;

export interface NightOptions {
  readonly column?: string;
  readonly partitionBy?: readonly string[];
  readonly onChange?: OnChange;
  readonly most?: number;
  readonly held?: HeldRows;
}

export interface Night {
  readonly changes: Changes;
  /** What was to be written, a row as JSON. */
  readonly rows: readonly Record<string, unknown>[];
  /** All that the snapshot had. */
  readonly all: readonly Record<string, unknown>[];
}

/** Runs one after the other over one table; each keeps its state for the next, and writes to nowhere. */
export class Nights {
  state: State | undefined;
  readonly #client: PostgresClient;
  readonly #table: string;

  static async open(url: string, table: string): Promise<Nights> {
    const timeouts = { connectTimeoutMs: 10_000, requestTimeoutMs: 60_000 };
    return new Nights(await openPostgres({ url }, timeouts, never), table);
  }

  private constructor(client: PostgresClient, table: string) {
    this.#client = client;
    this.#table = table;
  }

  async run({
    column = 'ts',
    partitionBy = [],
    onChange = 'append',
    most = 10_000,
    held = new Map<string, number>(),
  }: NightOptions = {}): Promise<Night> {
    const client = this.#client;
    return client.readOnly(async () => {
      await client.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ');
      const table = await readSinceTable(client, (await findTable(client, this.#table)).name, column);
      const job = { table, source: wholeTable(table.name), column, partitionBy, onChange, most };
      const changes = await findChanges(client, job, this.state, held);
      const { rows } = await client.query(changes.sql);
      const all = await client.query(`SELECT * FROM ${this.#table}`);
      this.state = stateAfter({ ...job, dataset: 'none' }, changes, 'none');
      return { changes, rows, all: all.rows };
    });
  }

  close(): Promise<void> {
    return this.#client.close();
  }
}
