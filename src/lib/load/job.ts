import type { MessagePort } from 'node:worker_threads';

import type { Filter } from './accounts.js';
import type { ScenarioPlan } from './scenario/plan.js';
import type { ShortfallLimit } from './shortfall.js';

/** What one thread of the generator does: plain data, so that it can be given to a worker. */
export interface EngineJob {
  readonly targets: readonly Target[];
  readonly workload: WorkloadPlan;
  readonly arrivals: Arrivals;
  /** Of this thread among all. */
  readonly thread: number;
  readonly threads: number;
  /** Milliseconds since the epoch, with fractions: when the run begins, for all threads. */
  readonly origin: number;
  /** Milliseconds from the origin: nothing is due from then on. A recording ends by itself. */
  readonly durationMs: number;
  /** So long before the origin, requests are sent that are counted apart. */
  readonly warmupMs?: number;
  /** How long requests that are under way at the end are waited for. */
  readonly drainMs: number;
  /** Most connections at one time, of this thread. */
  readonly maxConnections: number;
  /** From the send of a request to the end of its answer. */
  readonly timeoutMs: number;
  readonly connectTimeoutMs: number;
  /** Names that always have a row of their counts, however many names there are. */
  readonly names?: readonly string[];
  /** Requests that are counted together, and told while the run goes. */
  readonly watch?: readonly Filter[];
  /** How old the addresses of a name may become; 30 s unless it is said. */
  readonly resolveEveryMs?: number;
  /** False sends no `traceparent`. */
  readonly trace?: boolean;
  /** Ends an open loop that does not keep its rate. */
  readonly abortOnShortfall?: ShortfallLimit;
}

/** A server, and how it is spoken to. */
export interface Target {
  readonly host: string;
  readonly port: number;
  /** A Unix socket instead of host and port. */
  readonly socketPath?: string;
  /** Instead of those that the host's name has. */
  readonly addresses?: readonly string[];
  /** HTTP/2; with TLS the server has to choose it. */
  readonly http2?: boolean;
  /** Everything as PEM. */
  readonly tls?: {
    /** A name, or an address that the certificate carries. */
    readonly servername: string;
    readonly verify: boolean;
    readonly ca?: string;
    readonly cert?: string;
    readonly key?: string;
  };
}

/** A request that can be sent as it is. Sent again and again, it is one object. */
export interface PreparedRequest {
  /** Under which it is counted: a template, never a URL with ids. */
  readonly name: string;
  /** By which thresholds choose; the same for all requests of one name. */
  readonly tags?: Readonly<Record<string, string>>;
  /** An index into the job's targets. */
  readonly target: number;
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body?: Uint8Array;
  /** Which statuses the test expects; undefined for every one below 400. */
  readonly expected?: readonly number[];
  /** Whether anybody reads the answer's body. */
  readonly readsBody: boolean;
}

/** Of these, one that a server may have taken may be sent again (RFC 9110, 9.2.2). */
export const safeMethods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);

/** What is sent, whenever something is due. */
export type WorkloadPlan = RequestMix | ScenarioPlan;

/** One request each, chosen by weight. */
export interface RequestMix {
  readonly requests: readonly { readonly weight: number; readonly request: PreparedRequest }[];
}

/** When something is due. */
export type Arrivals =
  | PlannedArrivals
  /** At the times of a recording, with its requests, in place of the workload. They come through the port while it runs. */
  | { readonly loop: 'recorded'; readonly port: MessagePort; readonly host: string };

/** When something is due, as it was planned. */
export type PlannedArrivals =
  /**
   * Users of this thread, each beginning again when it has ended. With `stages`, of which the rate is the number of users of all
   * threads, they come and go: `users` is the most.
   */
  | { readonly loop: 'closed'; readonly users: number; readonly stages?: readonly Stage[] }
  /** At times that do not depend on answers. A thread takes the arrivals i with i mod threads = thread. */
  | { readonly loop: 'open'; readonly stages: readonly Stage[]; readonly spacing?: 'poisson' };

/** A time in which the rate goes in a straight line. */
export interface Stage {
  readonly durationMs: number;
  /** Arrivals a second, of all threads together, at its beginning and at its end. */
  readonly from: number;
  readonly to: number;
}
