import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

import type { Connection } from './kubernetes/api.js';

export interface TrafficOptions {
  /** Where every request goes: `http://HOST:PORT/PATH`. Or: */
  readonly url?: string;
  /** A Service, whose ready endpoints get the requests in turn, as its EndpointSlices say at that moment. */
  readonly service?: {
    readonly connection: Connection;
    readonly namespace: string;
    readonly name: string;
  };
  /** The `Host` header. */
  readonly host?: string;
  /** Requests a second, sent whether or not those before are answered. Default 500. */
  readonly rate?: number;
  /** Default: until `stop`. */
  readonly durationMs?: number;
  /** A request without an answer fails after this long. Default 20,000. */
  readonly timeoutMs?: number;
}

export interface TrafficReport {
  readonly sent: number;
  /** Requests by what went wrong: an error's code, or `status 500 of v2`. */
  readonly failures: Readonly<Record<string, number>>;
  readonly failed: number;
  /** Sent again because the server had closed the reused connection before a byte of the answer; no failures. */
  readonly retried: number;
  readonly outstanding: number;
  readonly statuses: Readonly<Record<string, number>>;
  /** Answers by the first word of the body. */
  readonly versions: Readonly<Record<string, number>>;
  readonly latencyMs: Readonly<Record<'p50' | 'p95' | 'p99' | 'max', number | null>>;
}

export interface Traffic {
  /** The counts so far. */
  snapshot(): Promise<TrafficReport>;
  /** Sends no more, and waits for the answers. */
  stop(): Promise<TrafficReport>;
  /** After `durationMs`, when every answer is there. */
  readonly finished: Promise<TrafficReport>;
}

type Message =
  { readonly type: 'started' } | { readonly type: 'snapshot' | 'finished'; readonly report: TrafficReport };

/** Requests from a process of its own, half over connections that are kept, half over new ones. Ends with this process. */
export async function startTraffic(options: TrafficOptions): Promise<Traffic> {
  const child = fork(fileURLToPath(new URL('./traffic/child.js', import.meta.url)), { execArgv: [] });
  const finished = new Promise<TrafficReport>((resolve, reject) => {
    child.on('message', (message: Message) => {
      if (message.type === 'finished') resolve(message.report);
    });
    child.once('exit', (code, signal) => reject(new Error(`the traffic ended with ${code ?? signal}`)));
  });
  // Whoever asks for it gets the error; nobody has to ask.
  finished.catch(() => undefined);
  const { service, ...rest } = options;
  child.send({
    type: 'run',
    options: {
      rate: 500,
      timeoutMs: 20_000,
      ...rest,
      ...(service && {
        connection: service.connection,
        service: { namespace: service.namespace, name: service.name },
      }),
    },
  });
  await Promise.race([once(child, 'message'), finished]);
  return {
    finished,
    async snapshot() {
      const answer = new Promise<TrafficReport>((resolve) => {
        const listen = (message: Message): void => {
          if (message.type === 'started') return;
          child.off('message', listen);
          resolve(message.report);
        };
        child.on('message', listen);
      });
      if (child.connected) child.send({ type: 'snapshot' });
      return Promise.race([answer, finished]);
    },
    async stop() {
      if (child.connected) child.send({ type: 'stop' });
      return finished;
    },
  };
}
