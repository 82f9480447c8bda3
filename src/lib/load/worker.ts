/* A thread of the generator: runs the job that it is given, and reports its counts. */
import { parentPort, workerData } from 'node:worker_threads';

import { Engine } from './engine.js';
import type { EngineJob } from './job.js';
import { packForThread, packTally, packTimelineForThread } from './packed-tally.js';
import { latenciesOpener } from './tally.js';
import type { ThreadMessage, ThreadOrder } from './thread-message.js';

const everyMs = 250;
const port = parentPort!;
const stop = new AbortController();
const origin = new Promise<number>((resolve) => {
  port.on('message', (order: ThreadOrder) => {
    if (order === 'stop') stop.abort();
    else resolve(order.origin);
  });
});
// What takes long to load is loaded before the run has a beginning.
await latenciesOpener();
port.postMessage('ready' satisfies ThreadMessage);
const engine = await Engine.open({ ...(workerData as Omit<EngineJob, 'origin'>), origin: await origin });
const report = (elapsedMs: number) => {
  const { accounts } = engine;
  const recent = packTimelineForThread(accounts.takeRecent());
  const message: ThreadMessage = {
    report: { elapsedMs, progress: accounts.progress, recent, watched: accounts.watched.map(packForThread) },
  };
  port.postMessage(message);
};
const reports = setInterval(() => report(engine.elapsedMs), everyMs);
const tally = await engine.run(stop.signal);
clearInterval(reports);
report(Infinity);
port.postMessage({ tally: packTally(tally) } satisfies ThreadMessage);
port.close();
