import { SearchRefusal } from '../../clients/search/refusal.js';
import type { Change, SetupRequest } from './plan.js';

/** A client of any engine. */
export interface SetupClient {
  /** For people. */
  readonly name: string;
  json(request: SetupRequest, signal: AbortSignal): Promise<unknown>;
}

/** Makes the changes one after the other. @param made called after each @throws as the client */
export async function applySetup(
  client: SetupClient,
  changes: readonly Change[],
  signal: AbortSignal,
  made: (change: Change) => void,
): Promise<void> {
  for (const change of changes) {
    for (const request of change.requests) await send(client, request, signal);
    made(change);
  }
}

async function send(client: SetupClient, request: SetupRequest, signal: AbortSignal): Promise<void> {
  try {
    await client.json(request, signal);
  } catch (error) {
    // Another setup was faster, or our own request was, whose answer was lost.
    const isThere = error instanceof SearchRefusal && error.type === 'resource_already_exists_exception';
    if (!isThere) throw error;
  }
}
