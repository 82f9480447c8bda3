/* Sends requests at a steady rate, whatever the answers, and counts. Its parent tells it what over IPC (traffic.ts). */
import { Agent, request as httpRequest } from 'node:http';

import { followEndpoints } from '../kubernetes/endpoint-client.js';

const TICK_MS = 5;

const kept = new Agent({ keepAlive: true, maxFreeSockets: 256 });
const counts = { sent: 0, retried: 0, statuses: {}, versions: {}, failures: {} };
const latencies = [];
let outstanding = 0;
let ended = false;

const add = (record, key) => (record[key] = (record[key] ?? 0) + 1);

function fail(reason) {
  outstanding--;
  add(counts.failures, reason);
}

/** Half of the requests open a connection of their own; the others share. */
function send(options, started = performance.now(), isRetry = false) {
  const fresh = isRetry || counts.sent % 2 === 0;
  if (!isRetry) {
    counts.sent++;
    outstanding++;
  }
  const target = options.pick();
  if (!target) return fail('no endpoint');
  let answered = false;
  const call = httpRequest({
    ...target,
    path: options.path,
    headers: options.headers,
    agent: fresh ? false : kept,
    timeout: options.timeoutMs,
  });
  call.on('response', (response) => {
    answered = true;
    let body = '';
    response.setEncoding('latin1').on('data', (data) => (body += data));
    response.on('end', () => finish(response.statusCode, body, started));
    response.on('error', (error) => fail(`answer broken: ${error.code ?? error.message}`));
  });
  call.on('timeout', () => call.destroy(Object.assign(new Error('timeout'), { code: 'timeout' })));
  call.on('error', (error) => {
    if (answered) return;
    // The server closed the idle connection while the request was on its way: clients ask again.
    const crossed = call.reusedSocket && ['ECONNRESET', 'EPIPE'].includes(error.code);
    if (!crossed) return fail(error.code ?? error.message);
    counts.retried++;
    send(options, started, true);
  });
  call.end();
}

function finish(status, body, started) {
  outstanding--;
  latencies.push(performance.now() - started);
  add(counts.statuses, status);
  const version = /^(\S+) \S+\s*$/.exec(body)?.[1];
  if (version) add(counts.versions, version);
  if (status >= 400)
    add(counts.failures, `status ${status}${version ? ` of ${version}` : `: ${body.slice(0, 80)}`}`);
}

function snapshot() {
  const sorted = Float64Array.from(latencies).sort();
  const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? null;
  const failed = Object.values(counts.failures).reduce((sum, count) => sum + count, 0);
  const latencyMs = { p50: at(0.5), p95: at(0.95), p99: at(0.99), max: at(1) };
  return { ...counts, failed, outstanding, latencyMs };
}

async function run({ url, service, connection, host, rate, durationMs, timeoutMs }) {
  const headers = host ? { host } : {};
  const place = url ? new URL(url) : undefined;
  const endpoints = service ? await followEndpoints(connection, service.namespace, service.name) : undefined;
  const pick = endpoints ? endpoints.pick : () => ({ host: place.hostname, port: place.port || 80 });
  const options = { pick, headers, path: place ? place.pathname + place.search : '/', timeoutMs };
  const began = performance.now();
  process.send({ type: 'started' });
  await new Promise((resolve) => {
    const timer = setInterval(() => {
      const elapsed = performance.now() - began;
      const due = Math.floor((Math.min(elapsed, durationMs ?? Infinity) * rate) / 1_000);
      while (counts.sent < due && !ended) send(options);
      if (!ended && elapsed < (durationMs ?? Infinity)) return;
      ended = true;
      if (outstanding > 0) return;
      clearInterval(timer);
      resolve();
    }, TICK_MS);
  });
  process.send({ type: 'finished', report: snapshot() }, () => process.exit(0));
}

process.on('message', (message) => {
  if (message.type === 'run') void run(message.options);
  if (message.type === 'stop') ended = true;
  if (message.type === 'snapshot') process.send({ type: 'snapshot', report: snapshot() });
});
process.on('disconnect', () => process.exit(1));
