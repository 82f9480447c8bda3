import { Agent, get } from 'node:http';

import { ServiceUnavailable } from '../core/errors.js';

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

/**
 * Requests every URL once, so many at a time, each client sending its next request when it has its answer.
 * The answers are not stored by the service: a measurement doesn't warm the next one.
 * @throws ServiceUnavailable at the first answer other than 200; the signal's reason.
 */
export async function measure(
  urls: readonly string[],
  options: { clients: number; signal: AbortSignal },
): Promise<Latency> {
  const agent = new Agent({ keepAlive: true, maxSockets: options.clients });
  const durations: number[] = [];
  let hits = 0;
  let next = 0;
  async function client(): Promise<void> {
    while (next < urls.length) {
      const url = urls[next++]!;
      const started = performance.now();
      const { status, cache, body } = await request(url, { agent, signal: options.signal, store: false });
      durations.push(performance.now() - started);
      if (status !== 200) throw new ServiceUnavailable(`${url} answered ${status}: ${body}`);
      if (cache === 'hit') hits++;
    }
  }
  const started = performance.now();
  try {
    await Promise.all(Array.from({ length: options.clients }, client));
  } finally {
    agent.destroy();
  }
  const seconds = (performance.now() - started) / 1000;
  durations.sort((a, b) => a - b);
  return {
    requests: durations.length,
    hits,
    p50: quantile(durations, 0.5),
    p95: quantile(durations, 0.95),
    p99: quantile(durations, 0.99),
    perSecond: Math.round(durations.length / seconds),
  };
}

export function request(
  url: string,
  options: { agent?: Agent; signal: AbortSignal; store?: boolean },
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = options.store === false ? { 'cache-control': 'no-store' } : {};
    const { agent, signal } = options;
    get(url, { headers, signal, ...(agent ? { agent } : {}) }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (body += chunk));
      response.on('error', reject);
      response.on('end', () => {
        const cache = response.headers['x-cache'];
        resolve({
          status: response.statusCode ?? 0,
          cache: typeof cache === 'string' ? cache : undefined,
          body,
        });
      });
    }).on('error', reject);
  });
}

/** Nearest rank: the smallest value that at least this share of the values doesn't pass. Two decimals. */
export function quantile(sorted: readonly number[], share: number): number {
  const rank = Math.max(1, Math.ceil(share * sorted.length));
  return Math.round((sorted[rank - 1] ?? 0) * 100) / 100;
}
