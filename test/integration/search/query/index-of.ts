/** An index of a test, written to without metrify. */
export class SearchIndex {
  readonly #url: string;

  static async create(
    url: string,
    name: string,
    { mappings, shards }: { readonly mappings: object; readonly shards: number },
  ): Promise<SearchIndex> {
    const index = new SearchIndex(url, name);
    const settings = { number_of_shards: shards, number_of_replicas: 0, refresh_interval: '-1' };
    await index.#ask('PUT', '', JSON.stringify({ settings, mappings }));
    return index;
  }

  private constructor(
    url: string,
    readonly name: string,
  ) {
    this.#url = `${url}/${name}`;
  }

  /** Documents by their ids, visible afterwards. */
  async put(documents: readonly (readonly [id: string, source: string])[]): Promise<void> {
    const lines = documents.map(([id, source]) => `${JSON.stringify({ index: { _id: id } })}\n${source}\n`);
    for (let at = 0; at < lines.length; at += 5000) {
      const path = '/_bulk?filter_path=items.*.error';
      const { items = [] } = (await this.#ask('POST', path, lines.slice(at, at + 5000).join(''))) as {
        items?: unknown[];
      };
      if (items.length > 0) throw new Error(`refused: ${JSON.stringify(items[0])}`);
    }
    await this.#ask('POST', '/_refresh');
  }

  /** Visible after the next `put`. */
  async delete(id: string): Promise<void> {
    await this.#ask('DELETE', `/_doc/${encodeURIComponent(id)}`);
  }

  async remove(): Promise<void> {
    await this.#ask('DELETE', '');
  }

  async #ask(method: string, path: string, body?: string): Promise<unknown> {
    const headers = {
      'content-type': path.startsWith('/_bulk') ? 'application/x-ndjson' : 'application/json',
    };
    const answer = await fetch(this.#url + path, { method, ...(body !== undefined && { body, headers }) });
    if (!answer.ok) throw new Error(`${method} ${path}: ${await answer.text()}`);
    return answer.json();
  }
}
