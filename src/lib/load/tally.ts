import { Latencies } from '../measure/latencies.js';

/** Why a request failed; `status` and the like are answers, and not here. */
export type FailureKind =
  | 'refused'
  | 'unreachable'
  | 'reset'
  | 'closed'
  | 'timeout'
  | 'connect-timeout'
  | 'malformed'
  | 'tls'
  | 'dns'
  | 'other';

/** Two digits are enough for a quantile of load, and a tenth of the memory of three. */
const digits = 2;

export interface CheckCounts {
  readonly passed: number;
  readonly failed: number;
}

/** What became of the requests of one name. All times are in milliseconds. */
export class NameTally {
  /** From the intended start to the end of the answer, of expected answers. */
  readonly response: Latencies;
  /** From the send, of expected answers. */
  readonly service: Latencies;
  /** Between the two. */
  readonly wait: Latencies;
  /** Of answers that the test did not expect. */
  readonly unexpected: Latencies;
  /** How old requests without an answer were at the end, from the intended start. */
  readonly incomplete: Latencies;
  readonly statuses = new Map<number, number>();
  readonly unexpectedStatuses = new Map<number, number>();
  readonly failures = new Map<FailureKind, number>();
  /** By the name of the check. */
  readonly checks = new Map<string, CheckCounts>();
  sent = 0;
  bytes = 0;

  constructor(open: () => Latencies) {
    this.response = open();
    this.service = open();
    this.wait = open();
    this.unexpected = open();
    this.incomplete = open();
  }

  answered(status: number, expected: boolean, due: number, sentAt: number, now: number): void {
    increase(this.statuses, status, 1);
    if (!expected) {
      increase(this.unexpectedStatuses, status, 1);
      this.unexpected.record(now - due);
      return;
    }
    this.response.record(now - due);
    this.service.record(now - sentAt);
    this.wait.record(sentAt - due);
  }

  failed(kind: FailureKind): void {
    increase(this.failures, kind, 1);
  }

  check(name: string, ok: boolean): void {
    this.countChecks(name, { passed: ok ? 1 : 0, failed: ok ? 0 : 1 });
  }

  countChecks(name: string, { passed, failed }: CheckCounts): void {
    const before = this.checks.get(name) ?? { passed: 0, failed: 0 };
    this.checks.set(name, { passed: before.passed + passed, failed: before.failed + failed });
  }

  add(other: NameTally): void {
    for (const key of ['response', 'service', 'wait', 'unexpected', 'incomplete'] as const)
      this[key].add(other[key]);
    for (const [status, count] of other.statuses) increase(this.statuses, status, count);
    for (const [status, count] of other.unexpectedStatuses) increase(this.unexpectedStatuses, status, count);
    for (const [kind, count] of other.failures) increase(this.failures, kind, count);
    for (const [name, counts] of other.checks) this.countChecks(name, counts);
    this.sent += other.sent;
    this.bytes += other.bytes;
  }
}

function increase<K>(counts: Map<K, number>, key: K, by: number): void {
  counts.set(key, (counts.get(key) ?? 0) + by);
}

export type OpenLatencies = () => Latencies;

/** Prepares histograms once, so that a new one can be made without waiting. */
export async function latenciesOpener(): Promise<OpenLatencies> {
  return Latencies.opener(digits);
}
