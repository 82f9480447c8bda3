import type { Accounts, Sent } from './accounts.js';
import type { PreparedRequest } from './job.js';
import type { FailureKind } from './tally.js';
import type { TraceIds } from './trace-ids.js';
import type { Answer, Exchange, Transport } from './transport.js';
import type { Checks, Iteration, Workload } from './workload.js';

/** A user of a closed loop pauses after a connection that could not be opened: a server that is down is not asked without end. */
const pauseAfterRefusalMs = 100;

/** Node's timers take no more: 24 days. */
const longestTimerMs = 2 ** 31 - 1;

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
  /** @param due when a request was due: those of the warm-up have their own */
  accountsAt(due: number): Accounts;
  /** One was sent. */
  begun(now: number): void;
  /** One that was sent has come to its end. */
  ended(): void;
  /** A flight is over. */
  landed(): void;
}

/** An arrival of an open loop, or a user of a closed one: one request at a time. */
export class Flight implements Exchange, Sent, Checks {
  request!: PreparedRequest;
  due = 0;
  sentAt = 0;
  traceId: string | undefined;
  readonly #ground: Ground;
  readonly #isNeeded: () => boolean;
  #accounts: Accounts;
  #iteration: Iteration | undefined;
  #isSent = false;

  /** @param isNeeded whether a user of a closed loop still has to be there */
  constructor(ground: Ground, isNeeded: () => boolean = () => true) {
    this.#ground = ground;
    this.#isNeeded = isNeeded;
    this.#accounts = ground.accountsAt(0);
    this.#iteration = ground.workload.begin(true);
  }

  /** Sends the next request, which is due at `due`. */
  proceed(due: number): void {
    const ground = this.#ground;
    for (;;) {
      if (ground.isDraining) return;
      const next = this.#iteration?.next();
      if (typeof next === 'number') return this.#pause(next);
      if (next !== undefined) {
        this.request = next;
        this.traceId = ground.traceIds?.next();
        this.due = due;
        this.#isSent = false;
        this.#accounts = ground.accountsAt(due);
        this.#accounts.becameDue(due);
        ground.transports[next.target]!.send(this);
        return;
      }
      this.#iteration = ground.isClosedLoop && this.#isNeeded() ? ground.workload.begin(false) : undefined;
      if (!this.#iteration) return ground.landed();
    }
  }

  sent(now: number): void {
    this.#isSent = true;
    this.sentAt = now;
    // A closed loop is never corrected: it wanted to send it when it could.
    if (this.#ground.isClosedLoop) {
      this.due = now;
      this.#accounts = this.#ground.accountsAt(now);
    }
    this.#accounts.sent(this, now);
    this.#ground.begun(now);
  }

  answered(answer: Answer, now: number): void {
    const { status, bytes } = answer;
    this.#accounts.answered(this, status, isExpected(this.request, status), bytes, now);
    this.#iteration!.read(answer, now - this.due, this);
    this.#ground.ended();
    this.proceed(now);
  }

  failed(kind: FailureKind, now: number): void {
    this.#iteration!.lost(this);
    if (this.#isSent) {
      this.#accounts.failed(this, kind, now);
      this.#ground.ended();
      this.proceed(now);
      return;
    }
    this.#accounts.unsendable(this, kind);
    if (this.#ground.isClosedLoop) this.#pause(pauseAfterRefusalMs);
    else this.proceed(now);
  }

  abandoned(now: number): void {
    this.#accounts.abandoned(this, now);
  }

  check(name: string, passed: boolean): void {
    this.#accounts.checked(this, name, passed);
  }

  #pause(ms: number): void {
    const until = performance.now() + ms;
    // It must not keep the thread alive after the run.
    setTimeout(() => this.proceed(until), Math.min(ms, longestTimerMs)).unref();
  }
}

function isExpected({ expected }: PreparedRequest, status: number): boolean {
  return expected === undefined ? status < 400 : expected.includes(status);
}
