import { fromBytes, type ByteString } from '../../core/bytes.js';
import type { RedisClient } from '../../clients/redis/client.js';
import { partitionKeys } from './keys.js';
import type { LostWrite } from './types.js';
import { findLost } from './scripts.js';

interface Acknowledged {
  operationId: ByteString;
  id: ByteString;
  number: number;
  key: ByteString;
}

/** Acknowledgements kept for each partition. */
const kept = 256;

/** Remembers what was acknowledged last, and looks for it after the connection was lost: a failover may forget it. */
export class Witness {
  readonly #recent = new Map<number, Acknowledged[]>();
  readonly #seen = new Map<number, number>();
  #looking = false;
  /** The last look failed half-way. */
  #unfinished = false;
  lost = 0;

  constructor(
    private readonly client: RedisClient,
    private readonly partitions: number,
    private readonly onLoss: (loss: LostWrite) => void,
  ) {}

  acknowledged(partition: number, write: Acknowledged): void {
    let list = this.#recent.get(partition);
    if (!list) this.#recent.set(partition, (list = []));
    list.push(write);
    if (list.length > 2 * kept) list.splice(0, list.length - kept);
    const highest = this.#seen.get(partition) ?? 0;
    if (this.#unfinished) void this.look();
    if (write.number > highest) this.#seen.set(partition, write.number);
    else if (!list.slice(0, -1).some(({ operationId }) => operationId === write.operationId)) {
      // A number that comes again: the queue went back to an earlier state.
      this.#seen.set(partition, write.number);
      void this.look();
    }
  }

  async look(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    this.#unfinished = false;
    try {
      for (let partition = 0; partition < this.partitions; partition++) await this.#lookAt(partition);
    } catch {
      this.#unfinished = true;
    } finally {
      this.#looking = false;
    }
  }

  async #lookAt(partition: number): Promise<void> {
    const recent = this.#recent.get(partition);
    if (!recent || recent.length === 0) return;
    const { stream, retry, dead, progress, counter } = partitionKeys(partition);
    const looked = [...recent];
    const answer = await findLost.run(
      this.client,
      [stream, retry, dead, progress, counter],
      looked.flatMap(({ id, number, operationId }) => [id, `${number}` as const, operationId]),
    );
    const lost = (answer as number[]).map((at) => looked[(at - 1) / 3]!);
    if (lost.length === 0) return;
    this.lost += lost.length;
    this.#recent.set(
      partition,
      this.#recent.get(partition)!.filter((write) => !lost.includes(write)),
    );
    for (const { operationId, key, id } of lost)
      this.onLoss({ operationId, key: fromBytes(key), partition, id });
  }
}
