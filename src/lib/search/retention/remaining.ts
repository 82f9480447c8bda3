import type { ElasticClient } from '../elastic/client.js';

/** The indices that stay behind each name, while one after the other is planned to go. */
export class Remaining {
  readonly #client: ElasticClient;
  readonly #behind = new Map<string, Set<string>>();
  readonly #gone = new Set<string>();

  constructor(client: ElasticClient) {
    this.#client = client;
  }

  /** What stands behind a name, unless that is known already. */
  know(name: string, indices: readonly string[]): void {
    if (!this.#behind.has(name)) this.#behind.set(name, this.#without(indices));
  }

  isGone(index: string): boolean {
    return this.#gone.has(index);
  }

  /**
   * Plans an index to go, unless a name would stand for nothing then.
   * @param names that it has
   * @returns that name; undefined when the index goes
   */
  async take(index: string, names: readonly string[], signal: AbortSignal): Promise<string | undefined> {
    const behind = await Promise.all(names.map((name) => this.#of(name, signal)));
    const last = behind.findIndex((indices) => indices.size === 1 && indices.has(index));
    if (last >= 0) return names[last];
    for (const indices of behind) indices.delete(index);
    this.#gone.add(index);
    return undefined;
  }

  async #of(name: string, signal: AbortSignal): Promise<Set<string>> {
    const known = this.#behind.get(name);
    if (known !== undefined) return known;
    const answer = await this.#client.json<Readonly<Record<string, unknown>>>(
      { path: `/_alias/${encodeURIComponent(name)}` },
      signal,
    );
    const indices = this.#without(Object.keys(answer));
    this.#behind.set(name, indices);
    return indices;
  }

  #without(indices: readonly string[]): Set<string> {
    return new Set(indices.filter((index) => !this.#gone.has(index)));
  }
}
