import { ServiceUnavailable } from '../core/errors.js';
import { HttpClient } from '../http/client.js';
import { excerpt } from '../http/excerpt.js';
import { Latencies } from '../measure/latencies.js';
import { closedLoop } from '../measure/loops.js';

/** Latencies in milliseconds, as the clients of a closed loop saw them. */
export interface Latency {
  requests: number;
  /** Requests answered from the cache. */
  hits: number;
  p50: number;
  p95: number;
  p99: number;
  perSecond: number;
}

export interface Answer {
  status: number;
  /** The header `x-cache`. */
  cache: string | undefined;
  body: string;
}

interface Asking {
  signal: AbortSignal;
  /** False: the service does not keep its answer. */
  store?: boolean;
}

const timeoutMs = 60_000;

/**
 * Requests every URL once, so many at a time, each client sending its next request when it has its answer. All are of
 * one service. The answers are not stored by it: a measurement doesn't warm the next one.
 * @throws ServiceUnavailable at the first answer other than 200; the signal's reason.
 */
export async function measure(
  urls: readonly string[],
  options: { clients: number; signal: AbortSignal },
): Promise<Latency> {
  const { clients } = options;
  const latencies = await Latencies.open();
  const http = open(urls[0]!, clients);
  await http.ready();
  let hits = 0;
  const started = performance.now();
  try {
    await closedLoop(urls.length, clients, options.signal, async (i, signal) => {
      const sentAt = performance.now();
      const { status, cache, body } = await ask(http, urls[i]!, { signal, store: false });
      latencies.record(performance.now() - sentAt);
      if (status !== 200) throw new ServiceUnavailable(`${urls[i]!} answered ${status}: ${excerpt(body)}`);
      if (cache === 'hit') hits++;
    });
  } finally {
    http.close();
  }
  const seconds = (performance.now() - started) / 1000;
  const quantile = (q: number) => Math.round(latencies.quantile(q) * 100) / 100;
  return {
    requests: latencies.count,
    hits,
    p50: quantile(0.5),
    p95: quantile(0.95),
    p99: quantile(0.99),
    perSecond: Math.round(latencies.count / seconds),
  };
}

/** One request, over its own connection. @throws HttpFailure; the signal's reason. */
export async function request(url: string, options: Asking): Promise<Answer> {
  const http = open(url, 1);
  try {
    return await ask(http, url, options);
  } finally {
    http.close();
  }
}

function open(url: string, connections: number): HttpClient {
  return new HttpClient(new URL(url), {
    connections,
    connectTimeoutMs: timeoutMs,
    requestTimeoutMs: timeoutMs,
  });
}

async function ask(http: HttpClient, url: string, { signal, store = true }: Asking): Promise<Answer> {
  const { pathname, search } = new URL(url);
  const headers = store ? {} : { 'cache-control': 'no-store' };
  const answer = await http.request({ path: pathname + search, headers }, signal);
  const cache = answer.headers['x-cache'];
  return {
    status: answer.status,
    cache: typeof cache === 'string' ? cache : undefined,
    body: answer.body.toString('utf8'),
  };
}
