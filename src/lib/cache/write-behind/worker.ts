import { openPostgres, type PostgresClient } from '../../clients/postgres.js';
import { openRedis, type RedisClient } from '../../clients/redis/client.js';
import type { PostgresSettings, RedisSettings, Timeouts } from '../../clients/settings.js';
import { keyText } from '../key-text.js';
import type { Clock } from '../../core/clock.js';
import { errorMessage } from '../../core/errors.js';
import type { Progress } from '../../core/progress.js';
import { graceMs, withGrace } from '../../core/abort.js';
import { abortable } from '../../core/abortable.js';
import { Fenced, isTransient } from './failures.js';
import { forgetApplied, prepareTables } from './fence.js';
import type { Durability, LostEntries, Tables } from './types.js';
import { PartitionWork, type Turn } from './partition.js';
import { agreePartitions, checkServers } from './preflight.js';

export interface WorkerOptions extends Timeouts {
  redis: RedisSettings;
  postgres: PostgresSettings;
  tables: Tables;
  durability: Durability;
  /** Names this process in leases: unique. */
  holder: string;
  /** Ends when nothing waits any more. */
  untilEmpty: boolean;
  /** Entries in one transaction. */
  batch: number;
  /** A worker that is silent for so long loses its partitions, milliseconds. */
  leaseMs: number;
  /** Partitions worked on at once, each with a connection to PostgreSQL. */
  connections: number;
  /** How long applied operation ids are remembered, milliseconds. */
  retentionMs: number;
  clock: Clock;
  progress: Progress;
  warn(message: string): void;
  /** From here on something may change; gives the result so far. */
  started?(result: () => WorkerResult): void;
  signal: AbortSignal;
}

export interface WorkerResult {
  /** Entries written to their tables by this worker. */
  applied: number;
  /** Entries that had been applied before, by whoever was interrupted before it could say so. */
  repeated: number;
  /** Entries put into the dead letters, with the first 100 of them. */
  failed: number;
  failures: { key: string; table?: string; reason: string }[];
  /** Entries held back behind one of those. */
  held: number;
  /** Writes that vanished from the queue. */
  losses: LostEntries[];
  /** Times the database or Redis did not answer and work was tried again. */
  retries: number;
  /** Partitions there are, and how many this worker had at the end. */
  partitions: number;
  leased: number;
}

const idleMs = { least: 10, most: 200 };
const forgetEveryMs = 10 * 60_000;

/**
 * Takes queued writes to PostgreSQL until the signal, or until nothing waits; what was under way is settled then. Redis
 * and PostgreSQL may come and go meanwhile; at the start they must be there.
 * @throws ServiceUnavailable, ServiceRefused, ServiceConflict at the start; the signal's reason when it was stopped
 * before it started, or before nothing waited any more.
 */
export async function runWorker(options: WorkerOptions): Promise<WorkerResult> {
  const { signal } = options;
  const tidying = withGrace(signal, graceMs);
  const client = await openRedis(options.redis, options, tidying);
  try {
    for (const warning of await checkServers(client, options.durability)) options.warn(warning);
    const worker = new Worker(options, client, await agreePartitions(client, undefined), tidying);
    await worker.prepare();
    options.started?.(() => worker.result);
    await abortable(worker.run(), tidying);
    if (options.untilEmpty) signal.throwIfAborted();
    return worker.result;
  } finally {
    client.close();
  }
}

interface Slot {
  work: PartitionWork;
  busy: boolean;
  dueAt: number;
  waitMs: number;
  empty: boolean;
}

class Worker {
  readonly result: WorkerResult;
  readonly #slots: Slot[];
  readonly #stop = new AbortController();
  #failure: Error | undefined;
  #forgetAt: number;

  constructor(
    private readonly options: WorkerOptions,
    private readonly client: RedisClient,
    partitions: number,
    private readonly tidying: AbortSignal,
  ) {
    this.#slots = Array.from({ length: partitions }, (_, partition) => ({
      work: new PartitionWork(client, partition, options),
      busy: false,
      dueAt: 0,
      waitMs: idleMs.least,
      empty: false,
    }));
    this.#forgetAt = options.clock.monotonic() + forgetEveryMs;
    this.result = {
      applied: 0,
      repeated: 0,
      failed: 0,
      failures: [],
      held: 0,
      losses: [],
      retries: 0,
      partitions,
      leased: 0,
    };
  }

  async prepare(): Promise<void> {
    const pg = await this.#connect();
    try {
      await prepareTables(pg);
    } finally {
      await pg.close();
    }
  }

  async run(): Promise<void> {
    const { signal, leaseMs, connections } = this.options;
    const stop = () => this.#stop.abort(signal.reason);
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    const renewing = setInterval(() => void this.#renew(), leaseMs / 3);
    try {
      await Promise.all(
        Array.from({ length: Math.min(connections, this.#slots.length) }, () => this.#lane()),
      );
    } finally {
      clearInterval(renewing);
      signal.removeEventListener('abort', stop);
      this.result.leased = this.#slots.filter(({ work }) => work.leased).length;
      await Promise.all(this.#slots.map(({ work }) => work.release().catch(() => {})));
    }
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** One partition after the other, over a connection of its own. */
  async #lane(): Promise<void> {
    const { clock } = this.options;
    let pg: PostgresClient | undefined;
    let trouble = 0;
    try {
      while (!this.#stop.signal.aborted) {
        const slot = this.#next();
        if (!slot) {
          if (this.options.untilEmpty && this.#slots.every(({ empty, busy }) => empty && !busy)) return;
          await clock.sleep(idleMs.least, this.#stop.signal).catch(() => {});
          continue;
        }
        slot.busy = true;
        try {
          pg ??= await this.#connect();
          // After trouble less at a time: a batch may be what the database cannot get through.
          const count = Math.max(1, this.options.batch >> Math.min(trouble, 10));
          this.#count(slot, await slot.work.turn(pg, count));
          trouble = 0;
          await this.#forget(pg);
        } catch (error) {
          slot.work.forget();
          if (error instanceof Fenced) continue;
          if (!isTransient(error)) throw error;
          if (this.#stop.signal.aborted) return;
          this.result.retries++;
          this.options.warn(`trying again: ${errorMessage(error)}`);
          await pg?.close();
          pg = undefined;
          await this.client.refresh().catch(() => {});
          await clock.sleep(Math.min(50 * 2 ** trouble++, 5000), this.#stop.signal).catch(() => {});
        } finally {
          slot.busy = false;
        }
      }
    } catch (error) {
      this.#failure ??= error as Error;
      this.#stop.abort(error);
    } finally {
      await pg?.close();
    }
  }

  #next(): Slot | undefined {
    const now = this.options.clock.monotonic();
    let next: Slot | undefined;
    for (const slot of this.#slots)
      if (!slot.busy && slot.dueAt <= now && (!next || slot.dueAt < next.dueAt)) next = slot;
    return next;
  }

  #count(slot: Slot, turn: Turn): void {
    const { result } = this;
    slot.empty = turn.empty;
    slot.waitMs = turn.idle ? Math.min(slot.waitMs * 2, idleMs.most) : 0;
    slot.dueAt = this.options.clock.monotonic() + Math.max(slot.waitMs, turn.againInMs);
    if (slot.waitMs === 0) slot.waitMs = idleMs.least / 2;
    result.applied += turn.applied;
    result.repeated += turn.repeated;
    result.held += turn.held;
    result.failed += turn.failed.length;
    for (const { key, table, reason } of turn.failed) {
      const failure = { key: keyText(key), ...(table === undefined ? {} : { table }), reason };
      if (result.failures.length < 100) result.failures.push(failure);
      this.options.warn(`held back '${failure.key}': ${reason}`);
    }
    for (const loss of turn.losses) {
      result.losses.push(loss);
      this.options.warn(describeLoss(loss));
    }
    const parts = [
      ...(result.failed > 0 ? [`${result.failed} failed`] : []),
      ...(result.held > 0 ? [`${result.held} held`] : []),
      ...(result.retries > 0 ? [`${result.retries} retries`] : []),
    ];
    this.options.progress.update(result.applied, undefined, parts.join(', ') || undefined);
  }

  async #renew(): Promise<void> {
    await Promise.all(this.#slots.map(({ work }) => work.renew().catch(() => {})));
  }

  async #forget(pg: PostgresClient): Promise<void> {
    if (this.options.clock.monotonic() < this.#forgetAt) return;
    this.#forgetAt = this.options.clock.monotonic() + forgetEveryMs;
    await forgetApplied(pg, this.options.retentionMs);
  }

  async #connect(): Promise<PostgresClient> {
    const pg = await openPostgres(this.options.postgres, this.options, this.tidying);
    // Frozen in the middle of a transaction, we must not keep the next worker out for longer than our lease.
    await pg.query(
      `SET idle_in_transaction_session_timeout = ${Math.max(100, Math.round(this.options.leaseMs))}`,
    );
    return pg;
  }
}

function describeLoss({ partition, entries, after, before, keys }: LostEntries): string {
  const named =
    keys.length === 0
      ? ''
      : `; keys whose latest write it was: ${keys.slice(0, 5).join(', ')}${keys.length > 5 ? ', …' : ''}`;
  return entries === 0
    ? `partition ${partition}: Redis went back to write ${after}, and ${before - 1} were known: what was queued in between is lost${named}`
    : `partition ${partition}: ${entries} queued writes are gone without having been applied (${after + 1} to ${before - 1})${named}`;
}
