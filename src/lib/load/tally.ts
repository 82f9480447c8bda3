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

  add(other: NameTally): void {
    for (const key of ['response', 'service', 'wait', 'unexpected', 'incomplete'] as const)
      this[key].add(other[key]);
    for (const [status, count] of other.statuses) increase(this.statuses, status, count);
    for (const [status, count] of other.unexpectedStatuses) increase(this.unexpectedStatuses, status, count);
    for (const [kind, count] of other.failures) increase(this.failures, kind, count);
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
