import { Dialer } from './dialer.js';
import { Http1Pool } from './http1/pool.js';
import { Http2Pool } from './http2/pool.js';
import type { EngineJob, Target } from './job.js';
import type { Transport, TransportOptions } from './transport.js';

const resolveEveryMs = 30_000;

/** What one thread sends the requests to a target through. */
export function openTransport(
  target: Target,
  job: TransportOptions & Partial<Pick<EngineJob, 'thread' | 'resolveEveryMs'>>,
): Transport {
  const dialer = new Dialer(target, {
    thread: job.thread ?? 0,
    resolveEveryMs: job.resolveEveryMs ?? resolveEveryMs,
  });
  if (target.http2) return new Http2Pool(dialer, target.tls ? 'https' : 'http', job);
  return new Http1Pool(dialer, job);
}
