/* A thread of the generator: runs the job that it is given, and reports its counts. */
import { parentPort, workerData } from 'node:worker_threads';

import { Engine } from './engine.js';
import type { EngineJob } from './job.js';
import { packForThread, packTally, packTimelineForThread } from './packed-tally.js';
import { latenciesOpener } from './tally.js';
import type { ThreadMessage, ThreadOrder } from './thread-message.js';

const everyMs = 250;
const port = parentPort!;
const tell = (message: ThreadMessage) => port.postMessage(message);
const stop = new AbortController();
const started = new Promise<number>((resolve) => {
  port.on('message', (order: ThreadOrder) => {
    if (order === 'stop') stop.abort();
    else resolve(order.origin);
  });
});
const openLatencies = await latenciesOpener();
tell({ isReady: true });
const job: EngineJob = { ...(workerData as Omit<EngineJob, 'origin'>), origin: await started };
const engine = new Engine(job, openLatencies);
const report = (elapsedMs: number) => {
  const { accounts } = engine;
  const recent = packTimelineForThread(accounts.takeRecent());
  const watched = accounts.watched.map(packForThread);
  tell({ report: { elapsedMs, progress: accounts.progress, recent, watched } });
};
const reports = setInterval(() => report(engine.elapsedMs), everyMs);
const tally = await engine.run(stop.signal);
clearInterval(reports);
report(Infinity);
tell({ tally: packTally(tally) });
port.close();
