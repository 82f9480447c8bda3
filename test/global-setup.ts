import type { TestProject } from 'vitest/node';

import { startBroker } from './servers/broker.js';

declare module 'vitest' {
  export interface ProvidedContext {
    broker: string;
  }
}

/** Starts no server by itself: the broker does, when a test file asks. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const broker = await startBroker();
  project.provide('broker', broker.url);
  return () => broker.stop();
}
