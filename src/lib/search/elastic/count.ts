import { requireAllShards, type Shards } from './answer.js';
import type { ElasticClient } from './client.js';

/** How many documents match, exactly. @throws IncompleteScan when a shard is missing: the server counts the others */
export async function countDocuments(
  client: ElasticClient,
  index: string,
  filter: unknown,
  signal: AbortSignal,
): Promise<number> {
  const answer = await client.json<{ readonly count: number; readonly _shards?: Shards }>(
    {
      method: 'POST',
      path: `/${encodeURIComponent(index)}/_count`,
      body: { query: filter ?? { match_all: {} } },
    },
    signal,
  );
  requireAllShards(answer._shards, client.name);
  return answer.count;
}
