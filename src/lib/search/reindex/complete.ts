import type { ElasticTransfer } from './catch-up.js';
import { findDestination, pipelines } from './destination.js';
import { markOf } from './state.js';

/** Gives the destination the settings that it was filled without, and waits until its replicas are there, or have nowhere to go. */
export async function complete(
  { engine: { client }, journal }: ElasticTransfer,
  signal: AbortSignal,
): Promise<void> {
  const found = await findDestination(client, journal.state, signal);
  const path = `/${encodeURIComponent(found.name)}`;
  const body = Object.fromEntries(
    Object.entries(markOf(found)!.later).filter(([name]) => !pipelines.includes(name)),
  );
  await client.json({ method: 'PUT', path: `${path}/_settings`, body }, signal);
  for (;;) {
    const { timed_out } = await client.json<{ timed_out: boolean }>(
      {
        path: `/_cluster/health${path}`,
        query: { wait_for_no_initializing_shards: 'true', timeout: '10s' },
        expected: [408],
      },
      signal,
    );
    if (!timed_out) return;
  }
}
