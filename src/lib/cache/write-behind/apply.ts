import type { PostgresClient } from '../../clients/postgres.js';
import type { ByteString } from '../../core/bytes.js';
import type { QueueEntry } from './entry.js';
import { hitsEveryRow, isPoison, reasonOf, RowMissing, sqlState } from './failures.js';
import { beginFenced, queryOwn, type Position } from './fence.js';
import type { Tables } from './types.js';
import { planStatements, type Group } from './statements.js';

export interface Settled {
  /** Committed now, or before (`repeated`): they leave the queue. */
  applied: readonly QueueEntry[];
  /** How many of them were applied before. */
  repeated: number;
  /** Poison, each with its reason, and those behind them with none; in queue order. */
  buried: { entry: QueueEntry; reason: string }[];
}

/** What the entries themselves may be to blame for; other errors are metrify's own tables' or the server's. */
class EntryFailure extends Error {
  constructor(
    override readonly cause: unknown,
    /** The statement that failed. */
    readonly group?: Group,
  ) {
    super('entries failed');
  }

  get poisonous(): boolean {
    return isPoison(this.cause);
  }
}

/**
 * Applies entries of one partition in one transaction: the fence, the operation ids and the rows together.
 *
 * Where a statement fails because of its data, or an entry was applied before, the transaction starts again, more
 * carefully, and halves its way to the poison entries.
 * @throws Fenced; what the database threw when it is no entry's fault.
 */
export async function applyEntries(
  pg: PostgresClient,
  tables: Tables,
  partition: number,
  token: number,
  position: Position,
  entries: readonly QueueEntry[],
): Promise<Settled> {
  const batch = new Transaction(pg, tables);
  try {
    await beginFenced(pg, partition, token, position);
    await batch.runFresh(entries);
    // Constraints that are deferred fail here.
    await pg.query('COMMIT').catch((error: unknown) => {
      throw new EntryFailure(error);
    });
    return { applied: entries, repeated: 0, buried: [] };
  } catch (error) {
    await rollback(pg);
    if (!(error instanceof EntryFailure && error.poisonous)) throw causeOf(error);
  }
  try {
    await beginFenced(pg, partition, token, position);
    // Deferred constraints would fail at COMMIT, where nobody can say whose fault it is.
    await pg.query('SET CONSTRAINTS ALL IMMEDIATE');
    await batch.isolateAll(entries);
    await pg.query('COMMIT');
    return batch.settled();
  } catch (error) {
    await rollback(pg);
    throw causeOf(error);
  }
}

class Transaction {
  #place = new Map<QueueEntry, number>();
  /** The first entry of a key that cannot be applied. */
  readonly #poison = new Map<ByteString, { place: number; reason: string }>();
  #repeated = 0;

  constructor(
    private readonly pg: PostgresClient,
    private readonly tables: Tables,
  ) {}

  /** The fast way, for entries of which none was applied before. @throws EntryFailure, also when one was. */
  async runFresh(entries: readonly QueueEntry[]): Promise<void> {
    const ids = `{${entries.map(({ operationId }) => operationId).join(',')}}`;
    await queryOwn(this.pg, 'INSERT INTO metrify_queue_applied (op_id) SELECT unnest($1::uuid[])', [
      ids,
    ]).catch((error: unknown) => {
      throw sqlState(error) === '23505' ? new EntryFailure(error) : error;
    });
    await this.#write(entries);
  }

  /** @returns how many were applied before. @throws EntryFailure. */
  async run(entries: readonly QueueEntry[]): Promise<number> {
    const fresh = await this.#claim(entries);
    await this.#write(fresh);
    return entries.length - fresh.length;
  }

  async #write(fresh: readonly QueueEntry[]): Promise<void> {
    for (const group of planStatements(this.tables, fresh)) {
      try {
        const rows = `[${group.entries.map(({ row }) => row).join(',')}]`;
        const { rowCount } = await this.pg.query(group.sql, [rows]);
        if (group.mustMatch && rowCount < group.entries.length)
          throw new RowMissing(`there is no row with its key to ${group.entries[0]!.operation}`);
      } catch (error) {
        throw new EntryFailure(error, group);
      }
    }
  }

  async isolateAll(entries: readonly QueueEntry[]): Promise<void> {
    this.#place = new Map(entries.map((entry, place) => [entry, place]));
    await this.isolate(entries);
  }

  /** Applies what can be applied, and finds what cannot. */
  async isolate(entries: readonly QueueEntry[]): Promise<void> {
    const list = entries.filter((entry) => this.#fate(entry) === 'apply');
    if (list.length === 0) return;
    await this.pg.query('SAVEPOINT part');
    try {
      this.#repeated += await this.run(list);
      await this.pg.query('RELEASE part');
      return;
    } catch (error) {
      if (!(error instanceof EntryFailure && error.poisonous)) throw error;
      const { cause, group } = error;
      await this.pg.query('ROLLBACK TO part; RELEASE part');
      if (list.length === 1) {
        this.#condemn(list[0]!, cause);
        return;
      }
      if (group && hitsEveryRow(cause)) {
        const { shape } = group.entries[0]!;
        for (const entry of list) if (entry.shape === shape) this.#condemn(entry, cause);
        await this.isolate(list);
        return;
      }
    }
    const middle = list.length >> 1;
    await this.isolate(list.slice(0, middle));
    await this.isolate(list.slice(middle));
  }

  settled(): Settled {
    const applied: QueueEntry[] = [];
    const buried: Settled['buried'] = [];
    for (const entry of this.#place.keys()) {
      const fate = this.#fate(entry);
      if (fate === 'apply') applied.push(entry);
      else buried.push({ entry, reason: fate.reason });
    }
    return { applied, repeated: this.#repeated, buried };
  }

  #fate(entry: QueueEntry): 'apply' | { reason: string } {
    const poison = this.#poison.get(entry.key);
    const place = this.#place.get(entry)!;
    if (!poison || place < poison.place) return 'apply';
    return { reason: place === poison.place ? poison.reason : '' };
  }

  #condemn(entry: QueueEntry, cause: unknown): void {
    const place = this.#place.get(entry)!;
    const known = this.#poison.get(entry.key);
    if (!known || place < known.place) this.#poison.set(entry.key, { place, reason: reasonOf(cause) });
  }

  /** Records the operation ids. @returns the entries that were not applied before. */
  async #claim(entries: readonly QueueEntry[]): Promise<QueueEntry[]> {
    const once = new Map<string, QueueEntry>();
    for (const entry of entries) if (!once.has(entry.operationId)) once.set(entry.operationId, entry);
    const { rows } = await queryOwn<{ id: string }>(
      this.pg,
      `WITH given AS (SELECT unnest($1::uuid[]) AS id), fresh AS (
         INSERT INTO metrify_queue_applied (op_id) SELECT id FROM given ON CONFLICT DO NOTHING RETURNING op_id)
       SELECT id FROM given WHERE NOT EXISTS (SELECT FROM fresh WHERE op_id = id)`,
      [`{${[...once.keys()].join(',')}}`],
    );
    for (const { id } of rows) once.delete(id);
    return [...once.values()];
  }
}

function causeOf(error: unknown): unknown {
  return error instanceof EntryFailure ? error.cause : error;
}

async function rollback(pg: PostgresClient): Promise<void> {
  // It fails on a connection that is lost, and PostgreSQL has rolled back then.
  await pg.query('ROLLBACK').catch(() => {});
}
