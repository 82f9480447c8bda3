import type { Arm } from '../spec.js';

/** Requests and errors that one replica counted. */
export interface ReplicaCounts {
  readonly requests: number;
  readonly errors: number;
}

/** Observations by bucket: `counts[i]` lie above `bounds[i - 1]` and at or below `bounds[i]`. Seconds; the last bound is Infinity. */
export interface Buckets {
  readonly bounds: readonly number[];
  readonly counts: readonly number[];
}

/** What one version did from the step's start to now. */
export interface Measurements {
  /** Undefined: there is no series, so nothing is known. */
  readonly requests: number | undefined;
  readonly errors: number;
  /** For the design effect; empty where replicas cannot be told apart. */
  readonly replicas: readonly ReplicaCounts[];
  /** Undefined: not asked for, or no series. */
  readonly latency: Buckets | undefined;
  /** The same by replica, for the design effect; empty where they cannot be told apart. */
  readonly latencyReplicas: readonly Buckets[];
  /** Why there are series of the latency that cannot be used. */
  readonly latencyProblem: string | undefined;
  /** An expression was taken as given, so Prometheus extrapolated it. */
  readonly extrapolated: boolean;
  /** The series stopped coming so many milliseconds ago: the counts are of the past. Undefined while they come. */
  readonly silentForMs: number | undefined;
}

export type BothMeasurements = Readonly<Record<Arm, Measurements>>;

/** Where counts come from. */
export interface Meter {
  /** For people: `Prometheus at 10.0.0.5:9090`. */
  readonly name: string;
  /** It knows of times before it was asked, as Prometheus does. */
  readonly remembers: boolean;
  /**
   * Counts of both versions from `since` to now, in milliseconds since the epoch.
   * @param carried what the meter gave back at the step's last look, for a meter that counts itself
   * @throws ServiceUnavailable, ServiceRefused; UserError for a bad expression
   */
  look(since: number, carried: Tally | undefined, signal: AbortSignal): Promise<Look>;
}

export interface Look {
  readonly counts: BothMeasurements;
  /** To be kept with the step's state and handed to the next look. */
  readonly tally: Tally | undefined;
  /** Of the source: parts of an answer that may be missing, clocks that disagree. */
  readonly warnings: readonly string[];
}

/** A probing meter's own counts, small enough for an annotation; plain data. */
export type Tally = Readonly<Record<Arm, TallyArm>>;

export interface TallyArm {
  readonly requests: number;
  readonly errors: number;
  /** Index of a latency bucket to its count. */
  readonly buckets: Readonly<Record<string, number>>;
}
