import type { PostgresClient } from '../../clients/postgres.js';
import type { RedisClient } from '../../clients/redis/client.js';
import { toBytes, type ByteString } from '../../core/bytes.js';
import { applyEntries } from './apply.js';
import type { QueueEntry } from './entry.js';
import { type Fetched, fetchEntries } from './fetch.js';
import { type PartitionKeys, partitionKeys } from './keys.js';
import { PartitionLease } from './lease.js';
import { findGaps, recordLoss } from './loss.js';
import type { LostEntries, Tables } from './types.js';
import { RowKinds } from './row-kinds.js';
import { acknowledge, acknowledgeUpTo, bury } from './scripts.js';

/** What became of the entries of one look at a partition. */
export interface Turn {
  /** Nothing was there, or somebody else works on it. */
  idle: boolean;
  /** Nothing waits in the partition. */
  empty: boolean;
  applied: number;
  repeated: number;
  failed: { key: ByteString; table: string | undefined; reason: string }[];
  held: number;
  losses: LostEntries[];
  /** Milliseconds until it makes sense to look again. */
  againInMs: number;
}

export interface PartitionOptions {
  tables: Tables;
  holder: string;
  leaseMs: number;
}

type Item = Fetched['items'][number];

/** One partition as this worker sees it. */
export class PartitionWork {
  readonly #keys: PartitionKeys;
  readonly #kinds = new RowKinds();
  #lease: PartitionLease | undefined;
  /** Highest number settled, as PostgreSQL and we know it. */
  #settled = 0;

  constructor(
    private readonly client: RedisClient,
    readonly partition: number,
    private readonly options: PartitionOptions,
  ) {
    this.#keys = partitionKeys(partition);
  }

  get leased(): boolean {
    return this.#lease !== undefined;
  }

  /** Takes the partition if it is free, and settles up to `count` entries. @throws Fenced; what Redis or PostgreSQL threw. */
  async turn(pg: PostgresClient, count: number): Promise<Turn> {
    const turn: Turn = {
      idle: true,
      empty: false,
      applied: 0,
      repeated: 0,
      failed: [],
      held: 0,
      losses: [],
      againInMs: 0,
    };
    if (this.#lease && !this.#lease.alive) this.#lease = undefined;
    if (!this.#lease) {
      const { holder, leaseMs } = this.options;
      const lease = await PartitionLease.take(this.client, pg, this.partition, this.#keys, holder, leaseMs);
      if (typeof lease === 'number') {
        turn.empty = await this.#isEmpty();
        turn.againInMs = Math.min(lease + 5, leaseMs / 3);
        return turn;
      }
      this.#lease = lease;
      this.#settled = lease.position.number;
    }
    const lease = this.#lease;
    const fetched = await fetchEntries(this.client, this.#keys, lease.value, count, this.#kinds);
    if (!fetched) {
      this.#lease = undefined;
      return turn;
    }
    this.#settled = Math.max(this.#settled, fetched.done);
    for (const gap of findGaps(fetched, this.#settled)) {
      const loss = await recordLoss(this.client, this.partition, this.#keys, lease.value, gap);
      if (loss) turn.losses.push(loss);
      this.#settled = Math.max(this.#settled, gap.before - 1);
    }
    if (fetched.items.length === 0) {
      turn.empty = true;
      return turn;
    }
    turn.idle = false;
    await this.#settle(pg, lease, fetched, turn);
    return turn;
  }

  /** @returns false when the partition is another's by now. */
  async renew(): Promise<void> {
    const lease = this.#lease;
    if (lease && !(await lease.renew()) && this.#lease === lease) this.#lease = undefined;
  }

  /** Without waiting for its end: after an error it is not known what we still hold. */
  forget(): void {
    this.#lease = undefined;
  }

  async release(): Promise<void> {
    const lease = this.#lease;
    this.#lease = undefined;
    await lease?.release();
  }

  async #settle(pg: PostgresClient, lease: PartitionLease, fetched: Fetched, turn: Turn): Promise<void> {
    const { good, refused } = this.#sort(fetched.items);
    const last = idOf(fetched.items.at(-1)!);
    const latest = fetched.from === 'S' ? highestNumber(fetched.items) : 0;
    const highest = Math.max(this.#settled, latest);
    const settled =
      good.length === 0
        ? { applied: [], repeated: 0, buried: [] }
        : await applyEntries(
            pg,
            this.options.tables,
            this.partition,
            lease.token,
            { number: highest, id: last },
            good,
          );

    const reasons = new Map<string, string>(refused.map(({ id, reason }) => [id, reason]));
    for (const { entry, reason } of settled.buried) reasons.set(entry.id, reason);
    const { pending, progress, stream, retry, dead, blocked, held, lease: leaseKey } = this.#keys;
    const source = fetched.from === 'S' ? stream : retry;
    const upTo = latest > 0 ? (`${highest}` as const) : '';
    if (settled.applied.length > 0)
      await this.#acknowledge(settled.applied, fetched, reasons.size > 0 ? '' : upTo);
    turn.applied = settled.applied.length - settled.repeated;
    turn.repeated = settled.repeated;
    if (reasons.size > 0) {
      const graves = fetched.items.filter((item) => reasons.has(idOf(item)));
      const moved = await bury.run(
        this.client,
        [source, dead, blocked, pending, held, progress, leaseKey],
        [
          lease.value,
          fetched.from,
          upTo,
          ...graves.flatMap((item) => [idOf(item), keyOf(item), toBytes(reasons.get(idOf(item))!)]),
        ],
      );
      if (moved === null) {
        this.#lease = undefined;
        return;
      }
      turn.held = Math.max(0, Number(moved) - graves.filter((item) => reasons.get(idOf(item)) !== '').length);
      for (const item of graves) {
        const reason = reasons.get(idOf(item))!;
        if (reason !== '')
          turn.failed.push({
            key: keyOf(item),
            table: 'entry' in item ? item.entry.table : undefined,
            reason,
          });
      }
    }
    this.#settled = highest;
  }

  /** @param upTo highest number, or '' when some of the entries stay. */
  async #acknowledge(
    applied: readonly QueueEntry[],
    { from, items }: Fetched,
    upTo: `${number}` | '',
  ): Promise<void> {
    const { pending, progress, stream, retry } = this.#keys;
    const latest = new Map<ByteString, ByteString>();
    for (const { key, id } of applied) latest.set(key, (from + id) as ByteString);
    if (from === 'S' && upTo !== '' && applied.length === items.length) {
      const { id, operationId } = applied.at(-1)!;
      const args = [id, operationId, upTo, ...latest.keys(), ...latest.values()];
      if ((await acknowledgeUpTo.run(this.client, [stream, pending, progress], args)) === 1) return;
    }
    const ids = applied.map(({ id }) => id);
    await acknowledge.run(
      this.client,
      [from === 'S' ? stream : retry, pending, progress],
      [from, upTo, `${ids.length}`, ...ids, ...[...latest].flat()],
    );
  }

  /** Who can be tried, and who cannot: malformed, not configured, or behind one of those. `reason` '' means behind. */
  #sort(items: readonly Item[]): { good: QueueEntry[]; refused: { id: string; reason: string }[] } {
    const good: QueueEntry[] = [];
    const refused: { id: string; reason: string }[] = [];
    const blocked = new Set<ByteString>();
    for (const item of items) {
      const key = keyOf(item);
      const reason =
        item.held || blocked.has(key) ? '' : 'bad' in item ? item.bad.reason : this.#unfit(item.entry);
      if (reason === undefined) good.push((item as { entry: QueueEntry }).entry);
      else {
        blocked.add(key);
        refused.push({ id: idOf(item), reason });
      }
    }
    return { good, refused };
  }

  #unfit({ table, operation, columns }: QueueEntry): string | undefined {
    const settings = Object.hasOwn(this.options.tables, table) ? this.options.tables[table] : undefined;
    if (!settings) return `table ${table} is not named in cache.writeBehind.tables`;
    if (operation === 'insert') return undefined;
    const missing = settings.key.filter((column) => !columns.includes(column));
    return missing.length > 0 ? `its row lacks the key: ${missing.join(', ')}` : undefined;
  }

  async #isEmpty(): Promise<boolean> {
    const stream = await this.client.call(['XLEN', this.#keys.stream]);
    return stream === 0 && (await this.client.call(['XLEN', this.#keys.retry])) === 0;
  }
}

function highestNumber(items: readonly Item[]): number {
  let highest = 0;
  for (const item of items) highest = Math.max(highest, numberOf(item) ?? 0);
  return highest;
}

const idOf = (item: Item): ByteString => ('entry' in item ? item.entry.id : item.bad.id);
const keyOf = (item: Item): ByteString => ('entry' in item ? item.entry.key : item.bad.key);
const numberOf = (item: Item): number | undefined => ('entry' in item ? item.entry.number : item.bad.number);
