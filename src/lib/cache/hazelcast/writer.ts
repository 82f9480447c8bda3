import type { HazelcastConnection, Cluster } from '../../clients/hazelcast/connection.js';
import { HazelcastBulk, inLanes } from '../../clients/hazelcast/bulk.js';
import { entryDetails, storedTtl } from '../../clients/hazelcast/entry.js';
import { isLost } from '../../clients/hazelcast/errors.js';
import { toStored, type Stored } from '../../clients/hazelcast/strings.js';
import { bytesOf, toBytes, type ByteString } from '../../core/bytes.js';
import type { Clock } from '../../core/clock.js';
import { errorMessage, ServiceUnavailable } from '../../core/errors.js';
import type { Entry, BulkWriter, BulkWriteOptions, BulkWriteOutcome } from '../bulk-level.js';
import { HazelcastKeyedLevel } from './keyed-level.js';

interface Item {
  entry: Entry;
  /** Entries of the same key in the same batch; of several sets the last is sent, of several adds the first. */
  others?: Entry[];
  key: Stored;
  value: Stored;
  /** It was sent, and an answer may have been lost. */
  sent: boolean;
  settled: boolean;
}

/**
 * Writes entries without an end by partition (`setAll`), the others one by one, pipelined, because Hazelcast has no
 * bulk write with a time to live. Keys whose version is kept are written through the keyed level, so that readers of
 * `MultiLevelCache` take the new value.
 */
export class HazelcastWriter implements BulkWriter {
  private readonly bulk: HazelcastBulk<Item>;
  private readonly keyed: HazelcastKeyedLevel;
  /** Whether the map gives an end to entries that are written without one; found out by the first. */
  private mapHasTtl: boolean | undefined;
  private closed = false;

  constructor(
    connection: HazelcastConnection,
    private readonly clock: Clock,
    private readonly options: BulkWriteOptions,
  ) {
    this.keyed = new HazelcastKeyedLevel('', connection, clock);
    this.bulk = new HazelcastBulk({
      connection,
      signal: options.signal,
      size: ({ entry }) => entry.key.length + entry.value.length + 64,
      send: (cluster, items) => this.send(cluster, this.oneOfEachKey(items)),
    });
  }

  get restarts(): number {
    return this.bulk.restarts;
  }

  write(entries: Entry[]): Promise<void> {
    const items: Item[] = [];
    for (const entry of entries) {
      if (Array.isArray(entry.value))
        this.options.settled(entry, 'failed', 'the hazelcast level has no hashes');
      else
        items.push({
          entry,
          key: toStored(entry.key),
          value: toStored(entry.value),
          sent: false,
          settled: false,
        });
    }
    return this.bulk.push(items);
  }

  drain(): Promise<void> {
    return this.bulk.drain();
  }

  /** What has no answer yet is not reported any more. */
  close(): Promise<void> {
    this.closed = true;
    return Promise.resolve();
  }

  /** What is still to be sent, so that a repetition brings no older entry of a key back. */
  private oneOfEachKey(items: Item[]): Item[] {
    const chosen = new Map<ByteString, Item>();
    for (const item of items) {
      if (item.settled) continue;
      const known = chosen.get(item.entry.key);
      if (known === undefined || !this.options.nx) chosen.set(item.entry.key, item);
      if (known === undefined) continue;
      const [sent, other] = this.options.nx ? [known, item] : [item, known];
      (sent.others ??= []).push(other.entry, ...(other.others ?? []));
      other.settled = true;
    }
    return [...chosen.values()];
  }

  private async send(cluster: Cluster, items: Item[]): Promise<void> {
    const versioned = await versionedKeys(cluster, items);
    const plain = items.filter(({ entry }) => !versioned.has(entry.key));
    const together = ({ entry }: Item) => entry.ttlMs === 0 && !this.options.nx;
    const endless = plain.filter(together);
    const single = plain.filter((item) => !together(item));
    await Promise.all([
      this.sendTogether(cluster, endless),
      inLanes(single, (item) => this.guard(item, () => this.sendOne(cluster, item))),
    ]);
    const others = items.filter(({ entry }) => versioned.has(entry.key));
    await inLanes(others, (item) => this.guard(item, () => this.sendVersioned(cluster, item)));
  }

  private async sendTogether(cluster: Cluster, items: Item[]): Promise<void> {
    const [first] = items;
    if (!first) return;
    if (this.mapHasTtl !== true) {
      try {
        await cluster.map.setAll(items.map(({ key, value }) => [key, value]));
        this.mapHasTtl ??= (await entryDetails(cluster, first.key))?.expiresAt !== undefined;
        if (!this.mapHasTtl) {
          for (const item of items) this.settle(item, 'written');
          return;
        }
      } catch (error) {
        if (isLost(error)) throw error;
        // One of them is at fault: below each one gets its own answer.
      }
    }
    await inLanes(items, (item) => this.guard(item, () => this.sendOne(cluster, item)));
  }

  private async sendOne({ map }: Cluster, item: Item): Promise<BulkWriteOutcome> {
    const { entry, key, value } = item;
    const repeated = item.sent;
    item.sent = true;
    const ttl = storedTtl(entry.ttlMs);
    if (!this.options.nx) {
      await map.set(key, value, ttl);
      return 'written';
    }
    const before = (await map.putIfAbsent(key, value, ttl)) as Stored | null;
    return before === null ? 'written' : repeated ? 'unclear' : 'skipped';
  }

  private async sendVersioned({ map }: Cluster, item: Item): Promise<BulkWriteOutcome> {
    const { entry, key } = item;
    if (this.options.nx && (await map.containsKey(key))) return item.sent ? 'unclear' : 'skipped';
    item.sent = true;
    const expiresAt = entry.ttlMs > 0 ? this.clock.monotonic() + entry.ttlMs : undefined;
    await this.keyed.set(entry.key, { value: entry.value as ByteString, expiresAt }, undefined);
    return 'written';
  }

  /** A lost connection concerns the batch, any other error the one entry. */
  private async guard(item: Item, work: () => Promise<BulkWriteOutcome>): Promise<void> {
    try {
      this.settle(item, await work());
    } catch (error) {
      if (isLost(error) || error instanceof ServiceUnavailable) throw error;
      this.settle(item, 'failed', `Hazelcast refused it: ${errorMessage(error).split('\n')[0]}`);
    }
  }

  private settle(item: Item, outcome: BulkWriteOutcome, reason?: string): void {
    if (item.settled || this.closed) return;
    item.settled = true;
    this.options.settled(item.entry, outcome, reason);
    const same = outcome !== 'failed' && this.options.nx ? 'skipped' : outcome;
    for (const entry of item.others ?? []) this.options.settled(entry, same, reason);
  }
}

/** Those of the keys whose version is kept; mostly nobody uses versions, and that is one question. */
async function versionedKeys({ versions }: Cluster, items: Item[]): Promise<Set<ByteString>> {
  if (items.length === 0 || (await versions.isEmpty())) return new Set();
  const found = await versions.getAll(items.map(({ key }) => key));
  return new Set(found.map(([key]) => (typeof key === 'string' ? toBytes(key) : bytesOf(key))));
}
