import type { RedisClient } from '../../clients/redis/client.js';
import type { PostgresClient } from '../../clients/postgres.js';
import { takeFence, type Position } from './fence.js';
import type { PartitionKeys } from './keys.js';
import { acquire, release, renew } from './scripts.js';
import { toBytes, type ByteString } from '../../core/bytes.js';

/**
 * The right to work on a partition. The lease in Redis says whose turn it is; the fence in PostgreSQL makes sure that
 * a worker which slept through the end of its turn cannot write. Only durations count here, no clock's time.
 */
export class PartitionLease {
  #renewedAt = 0;

  private constructor(
    private readonly client: RedisClient,
    private readonly keys: PartitionKeys,
    private readonly holder: ByteString,
    private readonly ms: number,
    readonly token: number,
    readonly position: Position,
    renewedAt: number,
  ) {
    this.#renewedAt = renewedAt;
  }

  /** @returns the lease, or the milliseconds until another worker's ends unless it renews it. */
  static async take(
    client: RedisClient,
    pg: PostgresClient,
    partition: number,
    keys: PartitionKeys,
    holder: string,
    ms: number,
  ): Promise<PartitionLease | number> {
    const name = toBytes(holder);
    // The counter of tokens may have been lost with Redis; the fence then says from where to continue.
    for (let least = 0; ;) {
      const asked = performance.now();
      const answer = await acquire.run(client, [keys.lease, keys.token], [name, `${ms}`, `${least}`]);
      const token = Number(answer);
      if (token < 0) return -token;
      const fence = await takeFence(pg, partition, token);
      if ('position' in fence)
        return new PartitionLease(client, keys, name, ms, token, fence.position, asked);
      least = fence.inForce + 1;
    }
  }

  /** What stands in Redis while it is ours. */
  get value(): ByteString {
    return `${this.token} ${this.holder}` as ByteString;
  }

  /** As far as we know. */
  get alive(): boolean {
    return performance.now() - this.#renewedAt < this.ms;
  }

  /** @returns false when it is another's by now, or nobody's. */
  async renew(): Promise<boolean> {
    const asked = performance.now();
    const kept = (await renew.run(this.client, [this.keys.lease], [this.value, `${this.ms}`])) === 1;
    this.#renewedAt = kept ? asked : -Infinity;
    return kept;
  }

  async release(): Promise<void> {
    this.#renewedAt = -Infinity;
    await release.run(this.client, [this.keys.lease], [this.value]);
  }
}
