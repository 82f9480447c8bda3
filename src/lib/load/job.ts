/** What one thread of the generator does: plain data, so that it can be given to a worker. */
export interface EngineJob {
  readonly target: Target;
  readonly requests: readonly PreparedRequest[];
  readonly arrivals: Arrivals;
  /** Milliseconds since the epoch, with fractions: when the run begins, for all threads. */
  readonly origin: number;
  /** Milliseconds from the origin: no request is due from then on. */
  readonly durationMs: number;
  /** How long requests that are under way at the end are waited for. */
  readonly drainMs: number;
  /** From the send of a request to the end of its answer. */
  readonly timeoutMs: number;
  readonly connectTimeoutMs: number;
}

export interface Target {
  readonly host: string;
  readonly port: number;
  /** A Unix socket instead of host and port. */
  readonly socketPath?: string;
  readonly tls?: {
    readonly servername: string;
    readonly verify: boolean;
    readonly ca?: string;
    readonly cert?: string;
    readonly key?: string;
  };
}

/** A request as it goes over the wire. */
export interface PreparedRequest {
  /** Under which it is counted: a template, never a URL with ids. */
  readonly name: string;
  readonly method: string;
  readonly bytes: Uint8Array;
  /** How often it is chosen, relative to the others. */
  readonly weight: number;
  /** Whether an answer is what the test expects; a list of statuses, or every one below 400. */
  readonly expected: readonly number[] | undefined;
}

export type Arrivals =
  | {
      /** Each connection sends its next request when the answer of the last one is there. */
      readonly loop: 'closed';
      readonly connections: number;
    }
  | {
      /** Requests are due at times that do not depend on answers. */
      readonly loop: 'open';
      readonly stages: readonly Stage[];
      /** Of this thread among all: it sends the arrivals i with i mod threads = thread. */
      readonly thread: number;
      readonly threads: number;
      readonly maxConnections: number;
    };

/** A time in which the rate goes in a straight line. */
export interface Stage {
  readonly durationMs: number;
  /** Requests a second, of all threads together, at its beginning and at its end. */
  readonly from: number;
  readonly to: number;
}
