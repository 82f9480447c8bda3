import { createServer } from 'node:http';

const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const CLOSE_TIMEOUT_MS = 10_000;

/** Counters and a histogram as a Prometheus client library keeps them: a series is born with its first event. */
function createMetrics(labels) {
  const fixed = Object.entries(labels).map(([name, value]) => `${name}="${value}"`);
  const requests = new Map();
  const buckets = new Array(BUCKETS.length + 1).fill(0);
  let sum = 0;

  const series = (name, more, value) => `${name}{${[...fixed, ...more].join(',')}} ${value}\n`;
  return {
    count(code, seconds) {
      requests.set(code, (requests.get(code) ?? 0) + 1);
      const bucket = BUCKETS.findIndex((bound) => seconds <= bound);
      buckets[bucket === -1 ? BUCKETS.length : bucket]++;
      sum += seconds;
    },
    text() {
      let text = '# TYPE http_requests_total counter\n';
      for (const [code, value] of requests) text += series('http_requests_total', [`code="${code}"`], value);
      text += '# TYPE http_request_duration_seconds histogram\n';
      let total = 0;
      for (const [index, value] of buckets.entries()) {
        total += value;
        const le = `le="${BUCKETS[index] ?? '+Inf'}"`;
        text += series('http_request_duration_seconds_bucket', [le], total);
      }
      text += series('http_request_duration_seconds_sum', [], sum);
      return text + series('http_request_duration_seconds_count', [], total);
    },
  };
}

/**
 * Answers `VERSION POD`. `behaviour.latencyMs` is the mean of a wait between half and one and a half of it;
 * `behaviour.errors` the share of requests, at random, that get status 500.
 */
export async function startPodServer(pod, behaviour) {
  const { name, namespace, labels = {} } = pod.metadata;
  const version = labels.version ?? 'none';
  const body = `${version} ${name}\n`;
  const create = () => createMetrics({ app: labels.app ?? 'none', version, pod: name, namespace });
  let metrics = create();
  let draining = false;

  const answer = (response, code, text) => {
    if (draining) response.shouldKeepAlive = false;
    response.writeHead(code, { 'content-type': 'text/plain', 'content-length': Buffer.byteLength(text) });
    response.end(text);
  };

  const server = createServer((request, response) => {
    const started = performance.now();
    request.resume();
    if (request.url === '/metrics')
      return answer(response, behaviour.metrics ? 200 : 404, behaviour.metrics ? metrics.text() : '');
    if (request.url === '/healthz') return answer(response, behaviour.health ? 200 : 503, body);
    const serve = () => {
      const code = Math.random() < behaviour.errors ? 500 : 200;
      metrics.count(code, (performance.now() - started) / 1_000);
      answer(response, code, body);
    };
    if (behaviour.latencyMs > 0) setTimeout(serve, behaviour.latencyMs * (0.5 + Math.random()));
    else serve();
  });
  // A client's idle connection stays: closing it could cross the client's next request.
  server.keepAliveTimeout = 0;
  server.requestTimeout = 0;
  await new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(8080, pod.status.podIP, 1024, resolve);
  });

  return {
    behave: (next) => (behaviour = next),
    /** As after a restart of the container: all counters at zero. */
    restart: () => (metrics = create()),
    /** From now on every answer asks the client to close its connection. */
    drain: () => (draining = true),
    /** Takes no new connection, finishes what it began. */
    async close() {
      draining = true;
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeIdleConnections();
      const patience = setTimeout(() => server.closeAllConnections(), CLOSE_TIMEOUT_MS);
      await closed;
      clearTimeout(patience);
    },
  };
}
