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
  /** No stream of HTTP/2 was opened for it, twice. */
  | 'refused-stream'
  /** Longer than what is kept of a body that is read. */
  | 'too-large'
  /** The generator's own limits: open files, and ports. */
  | 'descriptors'
  | 'ports'
  | 'other';

/** Two digits are enough for a quantile of load, and a tenth of the memory of three. */
const digits = 2;

export const histogramsOfTally = [
  'response',
  'service',
  'wait',
  'unexpected',
  'incomplete',
  'incompleteService',
] as const;

export interface CheckCounts {
  readonly passed: number;
  readonly failed: number;
}

/**
 * What became of the requests of one name. All times are in milliseconds. Response and service time with their ages, and
 * wait, have the same count: they speak of the same requests.
 */
export class NameTally {
  /** From the intended start to the end of the answer, of expected answers. */
  readonly response: Latencies;
  /** From the send, of expected answers. */
  readonly service: Latencies;
  /** Between the two, of expected answers and of requests without an answer. */
  readonly wait: Latencies;
  /** From the intended start, of answers that the test did not expect. */
  readonly unexpected: Latencies;
  /** How old requests without an answer were at the end, from the intended start. */
  readonly incomplete: Latencies;
  /** The same from the send. */
  readonly incompleteService: Latencies;
  readonly statuses = new Map<number, number>();
  readonly unexpectedStatuses = new Map<number, number>();
  readonly failures = new Map<FailureKind, number>();
  /** By the name of the check. */
  readonly checks = new Map<string, CheckCounts>();
  sent = 0;
  /** On the wire, of whole answers. */
  bytes = 0;

  /** @param tags of the requests of this name, by which thresholds choose */
  constructor(
    open: OpenLatencies,
    readonly tags: Readonly<Record<string, string>> = {},
  ) {
    this.response = open();
    this.service = open();
    this.wait = open();
    this.unexpected = open();
    this.incomplete = open();
    this.incompleteService = open();
  }

  get answered(): number {
    return sumOf(this.statuses.values());
  }

  /** Without a whole answer, other than those that were under way at the end. */
  get failed(): number {
    return sumOf(this.failures.values());
  }

  countAnswer(status: number, expected: boolean, due: number, sentAt: number, now: number): void {
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

  countFailure(kind: FailureKind): void {
    increase(this.failures, kind, 1);
  }

  countIncomplete(due: number, sentAt: number, now: number): void {
    this.incomplete.record(now - due);
    this.incompleteService.record(now - sentAt);
    this.wait.record(sentAt - due);
  }

  countChecks(check: string, { passed, failed }: CheckCounts): void {
    const before = this.checks.get(check) ?? { passed: 0, failed: 0 };
    this.checks.set(check, { passed: before.passed + passed, failed: before.failed + failed });
  }

  add(other: NameTally): void {
    for (const key of histogramsOfTally) this[key].add(other[key]);
    this.addCounts(other);
    this.sent += other.sent;
    this.bytes += other.bytes;
  }

  /** Adds answers by status, failures by kind, and checks by name. */
  addCounts(other: {
    readonly statuses: Iterable<readonly [number, number]>;
    readonly unexpectedStatuses: Iterable<readonly [number, number]>;
    readonly failures: Iterable<readonly [FailureKind, number]>;
    readonly checks: Iterable<readonly [string, CheckCounts]>;
  }): void {
    for (const [status, count] of other.statuses) increase(this.statuses, status, count);
    for (const [status, count] of other.unexpectedStatuses) increase(this.unexpectedStatuses, status, count);
    for (const [kind, count] of other.failures) increase(this.failures, kind, count);
    for (const [check, counts] of other.checks) this.countChecks(check, counts);
  }
}

function increase<K>(counts: Map<K, number>, key: K, by: number): void {
  counts.set(key, (counts.get(key) ?? 0) + by);
}

function sumOf(counts: Iterable<number>): number {
  let sum = 0;
  for (const count of counts) sum += count;
  return sum;
}

export type OpenLatencies = () => Latencies;

/** Prepares histograms once, so that a new one can be made without waiting. */
export async function latenciesOpener(): Promise<OpenLatencies> {
  return Latencies.opener(digits);
}
