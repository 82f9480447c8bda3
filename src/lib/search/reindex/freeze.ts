import { graceMs, withGrace } from '../../core/abort.js';
import type { ElasticClient } from '../elastic/client.js';
import type { Patience } from './patience.js';

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

export interface ThawIo {
  readonly patience: Patience;
  readonly signal: AbortSignal;
  readonly warn: (message: string) => void;
  /** How somebody ends it when we cannot. */
  readonly otherwise: string;
}

/** Lets an index take writes again after work that failed or was stopped: patiently, and for a while after the signal. */
export async function thaw(
  index: string,
  lift: (signal: AbortSignal) => Promise<void>,
  { patience, signal, warn, otherwise }: ThawIo,
): Promise<void> {
  const grace = withGrace(signal, graceMs);
  await patience
    .retry(() => lift(grace), grace)
    // Why the work failed is being thrown, and says more.
    .catch(() => warn(`'${index}' still takes no writes: ${otherwise}`));
}
