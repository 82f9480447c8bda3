import { onTestFinished } from 'vitest';

import { type KnownProcess, knownProcess } from './known-process.js';

/** A process with a server whose faults are known, until the test ends. */
export async function knownServer(): Promise<KnownProcess> {
  const server = await knownProcess();
  onTestFinished(server.stop);
  return server;
}
