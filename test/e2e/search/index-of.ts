/* What a server holds, asked over HTTP and not through metrify. */

export interface StoredHit {
  readonly id: string;
  readonly routing: string | undefined;
  readonly version: number;
  readonly source: Record<string, unknown>;
}

export interface IndexOf {
  readonly name: string;
  count(): Promise<number>;
  /** Up to 10,000 hits, by id. */
  hits(): Promise<StoredHit[]>;
  /** `_source` as the server holds it, byte for byte. */
  sourceText(id: string): Promise<string>;
  settings(settings: object): Promise<void>;
  remove(): Promise<void>;
}

export async function createIndex(url: string, name: string, body: object = {}): Promise<IndexOf> {
  const at = `${url}/${name}`;
  await ask('PUT', at, { settings: { number_of_replicas: 0 }, ...body });
  return indexAt(url, name);
}

export function indexAt(url: string, name: string): IndexOf {
  const at = `${url}/${name}`;
  const refresh = () => ask('POST', `${at}/_refresh`);
  return {
    name,
    async count() {
      await refresh();
      return ((await ask('GET', `${at}/_count`)) as { count: number }).count;
    },
    async hits() {
      await refresh();
      interface Hit {
        readonly _id: string;
        readonly _routing?: string;
        readonly _version: number;
        readonly _source: Record<string, unknown>;
      }
      const { hits } = (await ask('POST', `${at}/_search`, { size: 10_000, version: true })) as {
        hits: { hits: Hit[] };
      };
      return hits.hits
        .map(({ _id, _routing, _version, _source }) => ({
          id: _id,
          routing: _routing,
          version: _version,
          source: _source,
        }))
        .sort((a, b) => (a.id < b.id ? -1 : 1));
    },
    async sourceText(id) {
      return (await fetch(`${at}/_source/${encodeURIComponent(id)}`)).text();
    },
    settings: async (settings) => void (await ask('PUT', `${at}/_settings`, settings)),
    remove: async () => void (await fetch(at, { method: 'DELETE' })),
  };
}

export async function ask(method: string, url: string, body?: object): Promise<unknown> {
  const response = await fetch(url, {
    method,
    ...(body === undefined
      ? {}
      : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${url}: ${response.status} ${text}`);
  return JSON.parse(text);
}
