import { afterAll, beforeAll } from 'vitest';

import { ElasticClient } from '../../../../src/lib/search/elastic/client.js';
import { type SearchEngine, searchServer, type SharedSearch } from '../../../servers/search.js';

export interface OwnNames {
  readonly url: string;
  readonly client: ElasticClient;
  /** Begins the names of everything that is made. */
  readonly prefix: string;
}

/** The run's server of that engine while the test file runs; what was made there goes at the end. */
export function sharedServer(engine: SearchEngine): () => OwnNames {
  let server: SharedSearch;
  let client: ElasticClient;

  beforeAll(async () => {
    server = await searchServer(engine);
    client = await connect(server.url);
  });

  afterAll(async () => {
    await removeAll(client, server.prefix);
    client.close();
    await server.release();
  });

  return () => ({ url: server.url, client, prefix: server.prefix });
}

export function connect(url: string): Promise<ElasticClient> {
  const timeouts = { connectTimeoutMs: 5000, requestTimeoutMs: 30_000 };
  return ElasticClient.open({ urls: [url] }, timeouts, AbortSignal.timeout(60_000));
}

/** Everything whose name begins so. */
export async function removeAll(client: ElasticClient, prefix: string): Promise<void> {
  const signal = AbortSignal.timeout(60_000);
  const names = await client.json<Record<string, unknown>>({ path: `/${prefix}*` }, signal);
  const streams = await client.json<{ data_streams?: { name: string }[] }>(
    { path: `/_data_stream/${prefix}*`, expected: [400, 404, 405] },
    signal,
  );
  const gone = (path: string) => client.bytes({ method: 'DELETE', path, expected: [404] }, signal);
  for (const { name } of streams.data_streams ?? []) await gone(`/_data_stream/${name}`);
  for (const name of Object.keys(names)) if (!name.startsWith('.ds-')) await gone(`/${name}`);
  await gone(`/_index_template/${prefix}*`);
  await gone(`/_component_template/${prefix}*`);
}
