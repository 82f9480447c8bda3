/* A thread of the generator: runs the job that it is given, and reports its counts. */
import { parentPort, workerData } from 'node:worker_threads';

import { Engine } from './engine.js';
import type { EngineJob } from './job.js';
import { packTally } from './packed-tally.js';

const everyMs = 250;
const port = parentPort!;
const engine = await Engine.open(workerData as EngineJob);
const stop = new AbortController();
port.on('message', () => stop.abort());
const reports = setInterval(() => port.postMessage({ progress: engine.progress }), everyMs);
const tally = await engine.run(stop.signal);
clearInterval(reports);
port.postMessage({ tally: packTally(tally) });
port.close();
