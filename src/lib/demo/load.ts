/** Requests at a fixed rate, each for one of the paths, which are chosen at random. */
export interface LoadOrder {
  /** Of the service. */
  readonly url: string;
  readonly paths: readonly string[];
  /** Requests a second. */
  readonly rate: number;
  readonly durationMs: number;
  readonly headers?: readonly (readonly [name: string, value: string])[];
  readonly signal: AbortSignal;
}

/** Latencies in milliseconds, from the send of each request to the end of its answer. */
export interface LoadReport {
  readonly requests: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  /** Answers a second. */
  readonly perSecond: number;
  /** Requests without an answer below 400, by what they had instead. */
  readonly errors: Readonly<Record<string, number>>;
}

/** Load as `metrify load run` generates it. @throws the signal's reason */
export type GenerateLoad = (order: LoadOrder) => Promise<LoadReport>;
