import type { PostgresClient } from '../../clients/postgres.js';
import { fromBytes, type ByteString } from '../../core/bytes.js';
import type { QueueEntry } from './entry.js';
import { hitsEveryRow, isPoison, reasonOf, RowMissing } from './failures.js';
import { beginFenced, type Position } from './fence.js';
import type { Tables } from './operation.js';
import { planStatements, shapeOf, type Group } from './statements.js';

export interface Settled {
  /** Committed now, or before (`repeated`): they leave the queue. */
  applied: QueueEntry[];
  /** How many of them were applied before. */
  repeated: number;
  /** Poison, each with its reason, and those behind them with none; in queue order. */
  buried: { entry: QueueEntry; reason: string }[];
}

/** The statement that failed, beside its error. */
class GroupFailure extends Error {
  constructor(
    readonly group: Group,
    override readonly cause: unknown,
  ) {
    super('a statement failed');
  }
}

/**
 * Applies entries of one partition in one transaction: the fence, the operation ids and the rows together.
 *
 * Where a statement fails because of its data, the transaction starts again and halves its way to the poison entries.
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
    const repeated = await batch.run(entries);
    await pg.query('COMMIT');
    return { applied: [...entries], repeated, buried: [] };
  } catch (error) {
    await rollback(pg);
    if (!isPoison(causeOf(error))) throw causeOf(error);
  }
  try {
    await beginFenced(pg, partition, token, position);
    // Deferred constraints would fail at COMMIT, where nobody can say whose fault it is.
    await pg.query('SET CONSTRAINTS ALL IMMEDIATE');
    await batch.isolate(entries);
    await pg.query('COMMIT');
    return batch.settled(entries);
  } catch (error) {
    await rollback(pg);
    throw causeOf(error);
  }
}

class Transaction {
  readonly #reasons = new Map<QueueEntry, string>();
  readonly #blocked = new Set<ByteString>();
  #repeated = 0;

  constructor(
    private readonly pg: PostgresClient,
    private readonly tables: Tables,
  ) {}

  /** @returns how many were applied before. @throws GroupFailure. */
  async run(entries: readonly QueueEntry[]): Promise<number> {
    const fresh = await this.#claim(entries);
    for (const group of planStatements(this.tables, fresh)) {
      try {
        const rows = `[${group.entries.map(({ row }) => row).join(',')}]`;
        const { rowCount } = await this.pg.query(group.sql, [fromBytes(rows)]);
        if (group.mustMatch && rowCount < group.entries.length)
          throw new RowMissing(`there is no row with its key to ${group.entries[0]!.operation}`);
      } catch (error) {
        throw new GroupFailure(group, error);
      }
    }
    return entries.length - fresh.length;
  }

  /** Applies what can be applied, and finds what cannot. */
  async isolate(entries: readonly QueueEntry[]): Promise<void> {
    const list = entries.filter(({ key }) => !this.#blocked.has(key));
    if (list.length === 0) return;
    await this.pg.query('SAVEPOINT part');
    try {
      this.#repeated += await this.run(list);
      await this.pg.query('RELEASE part');
      return;
    } catch (error) {
      const cause = causeOf(error);
      if (!isPoison(cause)) throw cause;
      await this.pg.query('ROLLBACK TO part; RELEASE part');
      if (list.length === 1) {
        this.#condemn(list[0]!, cause);
        return;
      }
      if (error instanceof GroupFailure && hitsEveryRow(cause)) {
        const shape = shapeOf(error.group.entries[0]!);
        for (const entry of list) if (shapeOf(entry) === shape) this.#condemn(entry, cause);
        await this.isolate(list);
        return;
      }
    }
    const middle = list.length >> 1;
    await this.isolate(list.slice(0, middle));
    await this.isolate(list.slice(middle));
  }

  settled(entries: readonly QueueEntry[]): Settled {
    const settled: Settled = { applied: [], repeated: this.#repeated, buried: [] };
    const dead = new Set<ByteString>();
    for (const entry of entries) {
      const reason = this.#reasons.get(entry);
      if (reason !== undefined) dead.add(entry.key);
      if (reason !== undefined || dead.has(entry.key)) settled.buried.push({ entry, reason: reason ?? '' });
      else settled.applied.push(entry);
    }
    return settled;
  }

  #condemn(entry: QueueEntry, cause: unknown): void {
    if (this.#blocked.has(entry.key)) return;
    this.#blocked.add(entry.key);
    this.#reasons.set(entry, reasonOf(cause));
  }

  /** Records the operation ids. @returns the entries that were not applied before. */
  async #claim(entries: readonly QueueEntry[]): Promise<QueueEntry[]> {
    const once = new Map<string, QueueEntry>();
    for (const entry of entries) if (!once.has(entry.operationId)) once.set(entry.operationId, entry);
    const { rows } = await this.pg.query<{ id: string }>(
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
  return error instanceof GroupFailure ? error.cause : error;
}

async function rollback(pg: PostgresClient): Promise<void> {
  await pg.query('ROLLBACK').catch(() => {});
}
