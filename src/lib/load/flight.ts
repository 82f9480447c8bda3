import type { Accounts, Sent } from './accounts.js';
import type { PreparedRequest } from './job.js';
import type { FailureKind } from './tally.js';
import type { TraceIds } from './trace-ids.js';
import type { Answer, Exchange, Transport } from './transport.js';
import type { Iteration, Workload } from './workload.js';

/** A user of a closed loop pauses after a connection that could not be opened: a server that is down is not asked without end. */
const pauseAfterRefusalMs = 100;

/** What all flights of a thread share. */
export interface Ground {
  readonly workload: Workload;
  readonly transports: readonly Transport[];
  /** Whether a flight begins again when it has ended. */
  readonly isClosedLoop: boolean;
  /** Nothing is due any more; what is under way is waited for. */
  readonly isDraining: boolean;
  /** Undefined where no `traceparent` is sent. */
  readonly traceIds: TraceIds | undefined;
  readonly accounts: Accounts;
  /** One was sent. */
  begun(now: number): void;
  /** One that was sent has come to its end. */
  ended(): void;
}

/** An arrival of an open loop, or a user of a closed one: one request at a time. */
export class Flight implements Exchange, Sent {
  request!: PreparedRequest;
  due = 0;
  sentAt = 0;
  traceId: string | undefined;
  readonly #ground: Ground;
  #iteration: Iteration;
  #isSent = false;

  constructor(ground: Ground) {
    this.#ground = ground;
    this.#iteration = ground.workload.begin();
  }

  /** Sends the next request, which is due at `due`. */
  proceed(due: number): void {
    const ground = this.#ground;
    for (;;) {
      if (ground.isDraining) return;
      const next = this.#iteration.next();
      if (typeof next === 'number') return this.#pause(next);
      if (next !== undefined) {
        this.request = next;
        this.traceId = ground.traceIds?.next();
        this.due = due;
        this.#isSent = false;
        ground.accounts.becameDue(due);
        ground.transports[next.target]!.send(this);
        return;
      }
      if (!ground.isClosedLoop) return;
      this.#iteration = ground.workload.begin();
    }
  }

  sent(now: number): void {
    this.#isSent = true;
    this.sentAt = now;
    // A closed loop is never corrected: it wanted to send it when it could.
    if (this.#ground.isClosedLoop) this.due = now;
    this.#ground.accounts.sent(this, now);
    this.#ground.begun(now);
  }

  answered(answer: Answer, now: number): void {
    const { status, bytes } = answer;
    this.#ground.accounts.answered(this, status, isExpected(this.request, status), bytes, now);
    this.#iteration.read(answer);
    this.#ground.ended();
    this.proceed(now);
  }

  failed(kind: FailureKind, now: number): void {
    if (this.#isSent) {
      this.#ground.accounts.failed(this, kind, now);
      this.#ground.ended();
      this.proceed(now);
      return;
    }
    this.#ground.accounts.unsendable(this, kind);
    if (this.#ground.isClosedLoop) this.#pause(pauseAfterRefusalMs);
    else this.proceed(now);
  }

  abandoned(now: number): void {
    this.#ground.accounts.abandoned(this, now);
  }

  #pause(ms: number): void {
    const until = performance.now() + ms;
    // It must not keep the thread alive after the run.
    setTimeout(() => this.proceed(until), ms).unref();
  }
}

function isExpected({ expected }: PreparedRequest, status: number): boolean {
  return expected === undefined ? status < 400 : expected.includes(status);
}
