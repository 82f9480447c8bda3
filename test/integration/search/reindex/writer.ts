import type { Random } from '../../../random.js';
import type { Cluster, Documents } from './cluster.js';

/**
 * Writes through an alias without a pause, as a service would: what a frozen index refuses is sent again, and `require_alias` keeps
 * it from creating an index. `documents` is what must be there in the end.
 */
export class Writer {
  refused = 0;
  readonly problems: unknown[] = [];
  readonly #cluster: Cluster;
  readonly #alias: string;
  readonly #documents: Documents;
  readonly #random: Random;
  #next = 0;

  constructor(cluster: Cluster, alias: string, documents: Documents, random: Random) {
    this.#cluster = cluster;
    this.#alias = alias;
    this.#documents = documents;
    this.#random = random;
  }

  /** Writes while the work goes on, and at least `least` times. */
  async during<T>(work: Promise<T>, least: number): Promise<T> {
    let isOver = false;
    const over = work.finally(() => (isOver = true));
    const outcome = Promise.allSettled([over]);
    for (let count = 0; !isOver || count < least; count++) await this.#change();
    await outcome;
    return over;
  }

  /** In 10 changes: 5 updates, 2 inserts, 2 deletes, a delete with an insert of the same id. */
  async #change(): Promise<void> {
    const kind = Math.floor(this.#random() * 10);
    const ids = [...this.#documents.keys()];
    const id = ids[Math.floor(this.#random() * ids.length)]!;
    if (kind < 5) await this.#index(id);
    else if (kind < 7) await this.#index(`new${this.#next}`);
    else await this.#delete(id);
    if (kind === 9) await this.#index(id);
  }

  async #index(id: string): Promise<void> {
    const document = { n: this.#next++, by: 'writer' };
    await this.#send(`{"index":{"_id":"${id}"}}\n${JSON.stringify(document)}\n`);
    this.#documents.set(id, document);
  }

  async #delete(id: string): Promise<void> {
    await this.#send(`{"delete":{"_id":"${id}"}}\n`);
    this.#documents.delete(id);
  }

  async #send(operation: string): Promise<void> {
    for (;;) {
      const answer = await this.#cluster.ask('POST', `/${this.#alias}/_bulk?require_alias=true`, operation);
      const [item] = Object.values(answer.items?.[0] ?? {}) as { status: number }[];
      if (item !== undefined && item.status < 300) return;
      if (item?.status !== 403) {
        this.problems.push(answer);
        return;
      }
      this.refused++;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}
