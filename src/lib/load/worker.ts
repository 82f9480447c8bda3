/* A thread of the generator: runs the job that it is given, and reports its counts. */
import { parentPort, workerData } from 'node:worker_threads';

import { Engine } from './engine.js';
import type { EngineJob } from './job.js';
import { packForThread, packTally, packTimelineForThread } from './packed-tally.js';
import type { ThreadMessage } from './thread-message.js';

const everyMs = 250;
const port = parentPort!;
const engine = await Engine.open(workerData as EngineJob);
const stop = new AbortController();
port.on('message', () => stop.abort());
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
