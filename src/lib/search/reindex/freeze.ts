import type { ElasticClient } from '../elastic/client.js';

/** From its answer on every write that was accepted is done, and no other is. */
export async function blockWrites(client: ElasticClient, index: string, signal: AbortSignal): Promise<void> {
  await client.json({ method: 'PUT', path: `/${encodeURIComponent(index)}/_block/write` }, signal);
}

export async function allowWrites(client: ElasticClient, index: string, signal: AbortSignal): Promise<void> {
  await client.json(
    {
      method: 'PUT',
      path: `/${encodeURIComponent(index)}/_settings`,
      body: { 'index.blocks.write': null },
    },
    signal,
  );
}
