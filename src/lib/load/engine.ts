import { Connection } from './http1/connection.js';
import type { EngineJob, PreparedRequest } from './job.js';
import { Picker } from './picker.js';
import { Schedule } from './schedule.js';
import { latenciesOpener, NameTally, type FailureKind, type OpenLatencies } from './tally.js';
import { PacedTimer } from './paced-timer.js';

const sweepEveryMs = 50;
/** A closed loop's connection that could not be opened waits so long before it is opened again. */
const reopenAfterMs = 100;
const safeMethods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);

/** What one thread counted. */
export interface EngineTally {
  readonly byName: ReadonlyMap<string, NameTally>;
  /** Requests that were due, of an open loop; equal to those sent, of a closed one. */
  readonly due: number;
  /** Sent a second time, since the server had closed the kept-alive connection before a byte of the answer. */
  readonly resent: number;
  /** Most connections at one time. */
  readonly mostConnections: number;
  /** How late the generator itself was: from the instant at which a request was due to its turn in the event loop. */
  readonly lag: NameTally['wait'];
  /** Milliseconds from the origin to the last request that was sent. */
  readonly lastSentMs: number;
}

interface Waiting {
  readonly request: PreparedRequest;
  readonly due: number;
  /** Counted as sent already. */
  readonly again: boolean;
}

/** Sends the requests of a job over its connections, and counts what becomes of each. */
export class Engine {
  readonly #job: EngineJob;
  readonly #openLatencies: OpenLatencies;
  readonly #byName = new Map<string, NameTally>();
  readonly #picker: Picker;
  readonly #connections = new Set<Connection>();
  readonly #idle: Connection[] = [];
  /** Due, and without a connection; taken from `#firstWaiting` on. */
  #waiting: Waiting[] = [];
  #firstWaiting = 0;
  #underWay = 0;
  #opening = 0;
  #due = 0;
  #resent = 0;
  #mostConnections = 0;
  #lastSent = 0;
  #ended = false;
  readonly #lag: NameTally['wait'];
  readonly #begin: number;
  #over: () => void = () => {};

  static async open(job: EngineJob): Promise<Engine> {
    return new Engine(job, await latenciesOpener());
  }

  private constructor(job: EngineJob, openLatencies: OpenLatencies) {
    this.#job = job;
    this.#openLatencies = openLatencies;
    this.#picker = new Picker(job.requests, 'thread' in job.arrivals ? job.arrivals.thread : 0);
    this.#lag = openLatencies();
    this.#begin = job.origin - performance.timeOrigin;
  }

  /** Counts so far: requests answered and failed. */
  get progress(): { readonly answered: number; readonly failed: number; readonly sent: number } {
    let [answered, failed, sent] = [0, 0, 0];
    for (const tally of this.#byName.values()) {
      sent += tally.sent;
      for (const count of tally.statuses.values()) answered += count;
      for (const count of tally.failures.values()) failed += count;
    }
    return { answered, failed, sent };
  }

  /** Runs the job to its end, or until the signal; what is under way then is waited for in the drain. */
  async run(signal: AbortSignal): Promise<EngineTally> {
    const sweep = setInterval(() => this.#sweep(), sweepEveryMs);
    const over = new Promise<void>((resolve) => (this.#over = resolve));
    try {
      if (this.#job.arrivals.loop === 'open') await this.#sendAtTimes(signal);
      else await this.#keepBusy(this.#job.arrivals.connections, signal);
      this.#ended = true;
      if (this.#underWay > 0) await within(over, this.#job.drainMs);
    } finally {
      clearInterval(sweep);
    }
    const now = performance.now();
    for (const connection of this.#connections) {
      if (connection.request) this.#tallyOf(connection.request).incomplete.record(now - connection.due);
      connection.close();
    }
    for (const { request, due, again } of this.#waiting.slice(this.#firstWaiting))
      if (again) this.#tallyOf(request).incomplete.record(now - due);
    return {
      byName: this.#byName,
      due: this.#job.arrivals.loop === 'open' ? this.#due : this.progress.sent,
      resent: this.#resent,
      mostConnections: this.#mostConnections,
      lag: this.#lag,
      lastSentMs: Math.max(0, this.#lastSent - this.#begin),
    };
  }

  async #sendAtTimes(signal: AbortSignal): Promise<void> {
    const { arrivals } = this.#job;
    if (arrivals.loop !== 'open') return;
    const schedule = new Schedule(arrivals.stages);
    const timer = new PacedTimer();
    for (let i = arrivals.thread; i < schedule.count; i += arrivals.threads) {
      const due = this.#begin + schedule.dueNs(i) / 1e6;
      while (due > performance.now()) {
        if (signal.aborted) return;
        await timer.until(due);
      }
      if (signal.aborted) return;
      this.#due++;
      this.#lag.record(performance.now() - due);
      this.#fire({ request: this.#picker.next(), due, again: false });
    }
    const end = this.#begin + this.#job.durationMs;
    while (performance.now() < end && !signal.aborted) await timer.until(end);
  }

  async #keepBusy(connections: number, signal: AbortSignal): Promise<void> {
    const timer = new PacedTimer();
    while (performance.now() < this.#begin && !signal.aborted) await timer.until(this.#begin);
    for (let i = 0; i < connections; i++) this.#open();
    const end = this.#begin + this.#job.durationMs;
    while (performance.now() < end && !signal.aborted) await timer.until(end);
  }

  #fire(waiting: Waiting): void {
    const connection = this.#idle.pop();
    if (connection) return this.#send(connection, waiting);
    this.#waiting.push(waiting);
    const { arrivals } = this.#job;
    const most = arrivals.loop === 'open' ? arrivals.maxConnections : arrivals.connections;
    if (this.#opening < this.#waiting.length - this.#firstWaiting && this.#connections.size < most)
      this.#open();
  }

  #open(): void {
    this.#opening++;
    const deadline = performance.now() + this.#job.connectTimeoutMs;
    const connection = new Connection(this.#job.target, undefined, deadline, {
      opened: (opened) => {
        this.#opening--;
        opened.deadline = Infinity;
        this.#free(opened);
      },
      answered: (answering) => this.#answered(answering),
      failed: (failing, kind) => this.#failed(failing, kind),
    });
    this.#connections.add(connection);
    this.#mostConnections = Math.max(this.#mostConnections, this.#connections.size);
  }

  /** Gives a free connection its next request. */
  #free(connection: Connection): void {
    if (this.#firstWaiting < this.#waiting.length) {
      if (!this.#ended || this.#waiting[this.#firstWaiting]!.again) {
        this.#send(connection, this.#takeWaiting());
        return;
      }
    }
    if (this.#job.arrivals.loop === 'closed' && !this.#ended) {
      const now = performance.now();
      if (now < this.#begin + this.#job.durationMs) {
        this.#send(connection, { request: this.#picker.next(), due: now, again: false });
        return;
      }
    }
    this.#idle.push(connection);
  }

  #takeWaiting(): Waiting {
    const next = this.#waiting[this.#firstWaiting++]!;
    if (this.#firstWaiting > 1024 && this.#firstWaiting * 2 > this.#waiting.length) {
      this.#waiting = this.#waiting.slice(this.#firstWaiting);
      this.#firstWaiting = 0;
    }
    return next;
  }

  #send(connection: Connection, { request, due, again }: Waiting): void {
    const now = this.#job.arrivals.loop === 'closed' && !again ? due : performance.now();
    if (!again) {
      this.#underWay++;
      this.#tallyOf(request).sent++;
    }
    this.#lastSent = now;
    connection.send(request, due, now, now + this.#job.timeoutMs);
  }

  #answered(connection: Connection): void {
    const request = connection.request!;
    const now = performance.now();
    const { status, bytes } = connection.parser;
    connection.request = undefined;
    connection.deadline = Infinity;
    const tally = this.#tallyOf(request);
    tally.bytes += bytes;
    tally.answered(status, isExpected(request, status), connection.due, connection.sentAt, now);
    this.#ends();
    if (connection.closed) this.#replace(connection, false);
    else this.#free(connection);
  }

  #failed(connection: Connection, kind: FailureKind): void {
    const { request } = connection;
    connection.request = undefined;
    if (request) {
      const stale = connection.served > 0 && !connection.answering && (kind === 'closed' || kind === 'reset');
      if (stale && safeMethods.has(request.method)) {
        this.#resent++;
        this.#waiting.splice(this.#firstWaiting, 0, { request, due: connection.due, again: true });
      } else {
        this.#tallyOf(request).failed(kind);
        this.#ends();
      }
    } else if (!connection.connected) {
      this.#opening--;
      // The request for which it was opened fails with it.
      if (this.#job.arrivals.loop === 'closed') {
        const tally = this.#tallyOf(this.#picker.next());
        tally.sent++;
        tally.failed(kind);
      } else if (this.#firstWaiting < this.#waiting.length) {
        const { request: waiting, again } = this.#takeWaiting();
        const tally = this.#tallyOf(waiting);
        tally.failed(kind);
        if (again) this.#ends();
        else tally.sent++;
      }
    }
    this.#replace(connection, !connection.connected);
  }

  /** Another connection for one that is closed, where one is needed. */
  #replace(connection: Connection, failedToOpen: boolean): void {
    this.#connections.delete(connection);
    const place = this.#idle.indexOf(connection);
    if (place >= 0) this.#idle.splice(place, 1);
    if (this.#job.arrivals.loop === 'closed') {
      if (this.#ended) return;
      if (failedToOpen) setTimeout(() => this.#ended || this.#open(), reopenAfterMs);
      else this.#open();
    } else if (this.#firstWaiting < this.#waiting.length && this.#opening === 0) this.#open();
  }

  #ends(): void {
    this.#underWay--;
    if (this.#ended && this.#underWay === 0) this.#over();
  }

  #sweep(): void {
    const now = performance.now();
    for (const connection of this.#connections) if (connection.deadline <= now) connection.giveUp();
  }

  #tallyOf({ name }: PreparedRequest): NameTally {
    let tally = this.#byName.get(name);
    if (!tally) this.#byName.set(name, (tally = new NameTally(this.#openLatencies)));
    return tally;
  }
}

function isExpected({ expected }: PreparedRequest, status: number): boolean {
  return expected === undefined ? status < 400 : expected.includes(status);
}

function within(promise: Promise<void>, ms: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    void promise.then(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
