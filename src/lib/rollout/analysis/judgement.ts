import type { Arm } from '../spec.js';

/** What people read for the two versions that are compared. */
export type ArmNames = Readonly<Record<Arm, string>>;
export const roleNames: ArmNames = { stable: 'stable', canary: 'canary' };

/** How one check stands; `waiting` means not enough for either verdict yet. */
export type CheckVerdict = (typeof checkVerdicts)[number];
export const checkVerdicts = ['passed', 'failed', 'waiting', 'no-data', 'inconclusive'] as const;

/** One line of a verdict, with the numbers it rests on. */
export interface CheckResult {
  /** `errors`, `latency`, `requests`, `replicas`, `smoke …`, `command`, `approval`. */
  readonly name: string;
  readonly verdict: CheckVerdict;
  /** `0.31% of 12,402 against 0.28% of 111,880; increase −0.1 to 0.4 points`. */
  readonly observed: string;
  readonly limit: string;
  /** The address that was asked; said once, never kept on the route. */
  readonly where?: string;
  /** The same as numbers. */
  readonly numbers?: Readonly<Record<string, number>>;
}

/** What a look says of a step. */
export interface Judgement {
  readonly verdict: 'reject' | 'pass' | 'wait' | 'no-data';
  readonly checks: readonly CheckResult[];
  /** An unhealthy stable, a latency bound far above what was asked, approximations. */
  readonly warnings: readonly string[];
}

/** Fixed before a step begins, from stable's latencies; seconds. */
export interface LatencyBounds {
  /** Stable's quantile, rounded up to a bucket bound. */
  readonly stable: number;
  /** The first bound at or above `stable` × (1 + tolerance). */
  readonly canary: number;
}
