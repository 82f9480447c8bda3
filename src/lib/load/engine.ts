import { Accounts } from './accounts.js';
import { Flight, type Ground } from './flight.js';
import type { Latencies } from '../measure/latencies.js';
import type { EngineJob, Stage } from './job.js';
import type { NameTable } from './name-table.js';
import { type NetworkCounts, networkOf } from './network-counts.js';
import { openTransport } from './open-transport.js';
import { PacedTimer } from './paced-timer.js';
import { Playback } from './replay/playback.js';
import type { IterationCounts } from './scenario/task-run.js';
import { Schedule } from './schedule.js';
import { ShortfallWatch } from './shortfall.js';
import type { SlowRequest } from './slowest.js';
import type { NameTally, OpenLatencies } from './tally.js';
import { TraceIds } from './trace-ids.js';
import type { Transport } from './transport.js';
import { UserCurve, warmupStage } from './users.js';
import { openWorkload, type Workload } from './workload.js';

const sweepEveryMs = 50;
/** How soon the end of the last flight is noticed, when nothing is left to be sent. */
const mostBetweenLooksMs = 50;
/** How often users of a closed loop come and go. */
const usersEveryMs = 10;
/** The drain of a run that is stopped. */
const stoppedDrainMs = 1000;

/** When the flights of an open loop begin: milliseconds from the origin, in order; undefined at the end. */
interface Agenda {
  next(): number | undefined | Promise<number | undefined>;
}

/** What one thread counted. */
export interface EngineTally {
  readonly names: NameTable;
  /** Of the time before the origin, and in nothing else. */
  readonly warmup: NameTally;
  /** Undefined of a workload without iterations of several steps. */
  readonly iterations: IterationCounts | undefined;
  /** Milliseconds from the origin to when nothing was left to be sent; undefined when the duration was over before. */
  readonly usedUpMs: number | undefined;
  /** Requests that were due, of an open loop; those that were sent, of a closed one. */
  readonly due: number;
  /** Sent a second time, since the server had closed the kept-alive connection before a byte of the answer. */
  readonly resent: number;
  /** Most connections at one time. */
  readonly mostConnections: number;
  /** How late the generator itself was: from the instant at which something was due to its turn in the event loop. */
  readonly lag: Latencies;
  /** Slowest first. */
  readonly slowest: readonly SlowRequest[];
  /** The share of the time in which this thread was not waiting for anything. */
  readonly busy: number;
  readonly network: NetworkCounts;
  /** Why the run was ended early. */
  readonly shortfall?: string | undefined;
  /** Milliseconds from the origin to when nothing was due any more. */
  readonly endedMs: number;
  /** Milliseconds from the origin to the last request that was sent. */
  readonly lastSentMs: number;
}

/** Runs the iterations of a job, and counts what becomes of each request. */
export class Engine implements Ground {
  readonly workload: Workload;
  readonly transports: readonly Transport[];
  readonly isClosedLoop: boolean;
  isDraining = false;
  readonly traceIds: TraceIds | undefined;
  readonly #job: EngineJob;
  /** Of the run, and of the time before it. */
  readonly accounts: Accounts;
  readonly #warmup: Accounts;
  readonly #lag: Latencies;
  readonly #begin: number;
  readonly #playback: Playback | undefined;
  /** Requests that were sent, and have not come to their end. */
  #underWay = 0;
  #lastSent = 0;
  #lastSweep = 0;
  #shortfall: string | undefined;
  #usedUpMs: number | undefined;
  readonly #cutShort = new AbortController();
  readonly #shortfallWatch: ShortfallWatch | undefined;
  #drained: () => void = () => {};
  /** Flights that are not over. */
  #flying = 0;

  constructor(job: EngineJob, openLatencies: OpenLatencies) {
    this.#job = job;
    const { arrivals } = job;
    this.#playback = arrivals.loop === 'recorded' ? new Playback(arrivals) : undefined;
    this.workload = this.#playback ?? openWorkload(job.workload, job.thread);
    this.transports = job.targets.map((target) => openTransport(target, job));
    this.isClosedLoop = arrivals.loop === 'closed';
    this.#lag = openLatencies();
    this.#begin = job.origin - performance.timeOrigin;
    this.accounts = new Accounts(openLatencies, {
      begin: this.#begin,
      isClosedLoop: this.isClosedLoop,
      names: job.names ?? [],
      watch: job.watch ?? [],
    });
    this.#warmup = new Accounts(openLatencies, {
      begin: this.#begin - (job.warmupMs ?? 0),
      isClosedLoop: this.isClosedLoop,
      names: [],
      watch: [],
    });
    this.traceIds = job.trace === false ? undefined : new TraceIds();
    this.#shortfallWatch =
      job.abortOnShortfall && !this.isClosedLoop ? new ShortfallWatch(job.abortOnShortfall) : undefined;
  }

  /** Milliseconds since the origin. */
  get elapsedMs(): number {
    return performance.now() - this.#begin;
  }

  /** Runs the job to its end, or until the signal; what is under way then is waited for in the drain. */
  async run(stop: AbortSignal): Promise<EngineTally> {
    const { arrivals, drainMs, warmupMs = 0 } = this.#job;
    const signal = AbortSignal.any([stop, this.#cutShort.signal]);
    const started = performance.eventLoopUtilization();
    let [endedMs, busy] = [0, 0];
    const sweep = setInterval(() => this.#sweep(), sweepEveryMs);
    const drained = new Promise<void>((resolve) => (this.#drained = resolve));
    try {
      if (arrivals.loop === 'open') {
        const { stages, spacing } = arrivals;
        const warmup = warmupMs > 0 ? [warmupStage(stages, warmupMs)] : [];
        await this.#beginAtTimes(this.#agendaOf(new Schedule(warmup, spacing), -warmupMs), signal);
        await this.#beginAtTimes(this.#agendaOf(new Schedule(stages, spacing), 0), signal);
      } else if (arrivals.loop === 'recorded') await this.#playBack(this.#playback!, signal);
      else if (arrivals.stages) await this.#followCurve(arrivals.stages, signal);
      else await this.#keepBusy(arrivals.users, signal);
      if (arrivals.loop !== 'recorded') await this.#until(this.#begin + this.#job.durationMs, signal);
      if (this.#isUsedUp) this.#usedUpMs = performance.now() - this.#begin;
      this.isDraining = true;
      endedMs = performance.now() - this.#begin;
      busy = performance.eventLoopUtilization(started).utilization;
      for (const transport of this.transports) transport.drop();
      if (this.#underWay > 0) await within(drained, drainMs, signal);
    } finally {
      clearInterval(sweep);
    }
    const now = performance.now();
    for (const transport of this.transports) transport.close(now);
    const sum = (count: (transport: Transport) => number) =>
      this.transports.reduce((total, transport) => total + count(transport), 0);
    return {
      names: this.accounts.names,
      warmup: this.#warmup.names.total(),
      iterations: this.workload.counts,
      usedUpMs: this.#usedUpMs,
      due: this.accounts.due,
      slowest: this.accounts.slowest.list,
      resent: sum(({ resent }) => resent),
      mostConnections: sum(({ mostConnections }) => mostConnections),
      lag: this.#lag,
      busy,
      network: networkOf(this.transports.map(({ dialer }) => dialer)),
      shortfall: this.#shortfall,
      endedMs,
      lastSentMs: Math.max(0, this.#lastSent - this.#begin),
    };
  }

  accountsAt(due: number): Accounts {
    return due < this.#begin ? this.#warmup : this.accounts;
  }

  begun(now: number): void {
    this.#underWay++;
    this.#lastSent = now;
  }

  landed(): void {
    this.#flying--;
  }

  ended(): void {
    this.#underWay--;
    if (this.isDraining && this.#underWay === 0) this.#drained();
  }

  /** This thread's share of a schedule. @param startMs of the schedule, from the origin */
  #agendaOf(schedule: Schedule, startMs: number): Agenda {
    const { thread, threads } = this.#job;
    let i = thread - threads;
    return {
      next: () => ((i += threads) < schedule.count ? startMs + schedule.dueNs(i) / 1e6 : undefined),
    };
  }

  async #beginAtTimes(agenda: Agenda, signal: AbortSignal): Promise<void> {
    const timer = new PacedTimer();
    for (;;) {
      const next = agenda.next();
      const dueMs = typeof next === 'object' ? await next : next;
      if (dueMs === undefined || signal.aborted || this.workload.isUsedUp) return;
      const due = this.#begin + dueMs;
      while (due > performance.now()) {
        await timer.until(due);
        if (signal.aborted || this.workload.isUsedUp) return;
      }
      if (dueMs >= 0) this.#lag.record(performance.now() - due);
      this.#fly(due);
    }
  }

  async #playBack(playback: Playback, signal: AbortSignal): Promise<void> {
    const stop = () => playback.close();
    signal.addEventListener('abort', stop, { once: true });
    await this.#beginAtTimes(playback, signal);
    signal.removeEventListener('abort', stop);
    playback.close();
    await this.#until(this.#begin + playback.endMs, signal);
    // The last requests of a recording may still wait for a connection.
    const timer = new PacedTimer();
    const end = performance.now() + this.#job.drainMs;
    while (this.accounts.progress.sent < this.accounts.due && performance.now() < end && !signal.aborted)
      await timer.until(performance.now() + 10);
  }

  async #keepBusy(users: number, signal: AbortSignal): Promise<void> {
    await this.#until(this.#begin - (this.#job.warmupMs ?? 0), signal);
    for (let i = 0; i < users; i++) this.#fly(performance.now());
  }

  /** Users come when the curve rises above them, and leave after their iteration when it has fallen. */
  async #followCurve(stages: readonly Stage[], signal: AbortSignal): Promise<void> {
    const { thread, threads, durationMs, warmupMs = 0 } = this.#job;
    const curve = new UserCurve(warmupMs > 0 ? [warmupStage(stages, warmupMs), ...stages] : stages);
    const start = this.#begin - warmupMs;
    const present = new Set<number>();
    const isNeeded = (user: number) => {
      const needed = user < curve.at(performance.now() - start);
      if (!needed) present.delete(user);
      return needed;
    };
    for (let at = start; at < this.#begin + durationMs; at += usersEveryMs) {
      await this.#until(at, signal);
      if (signal.aborted || this.workload.isUsedUp) return;
      const users = curve.at(performance.now() - start);
      for (let user = thread; user < users; user += threads) {
        if (present.has(user)) continue;
        present.add(user);
        this.#fly(performance.now(), () => isNeeded(user));
      }
    }
  }

  #fly(due: number, isNeeded?: () => boolean): void {
    this.#flying++;
    new Flight(this, isNeeded).proceed(due);
  }

  async #until(instant: number, signal: AbortSignal): Promise<void> {
    const timer = new PacedTimer();
    while (performance.now() < instant && !signal.aborted && !this.#isUsedUp)
      await timer.until(Math.min(instant, performance.now() + mostBetweenLooksMs));
  }

  /** Nothing is left to be begun, and what was begun is over. */
  get #isUsedUp(): boolean {
    return this.workload.isUsedUp && this.#flying === 0;
  }

  #sweep(): void {
    const now = performance.now();
    // An open loop knows of each request how late it is; a closed one has only the clock.
    if (this.isClosedLoop && this.#lastSweep > 0)
      this.#lag.record(Math.max(0, now - this.#lastSweep - sweepEveryMs));
    this.#lastSweep = now;
    let connections = 0;
    for (const transport of this.transports) {
      transport.sweep(now);
      connections += transport.connections;
    }
    this.accounts.connectionsOpen(connections, now);
    if (!this.isDraining) this.#watchShortfall(now);
  }

  #watchShortfall(now: number): void {
    const waiting = this.transports.reduce((sum, transport) => sum + transport.waiting, 0);
    const { due } = this.accounts;
    this.#shortfall ??= this.#shortfallWatch?.look(now, due, due - waiting);
    if (this.#shortfall !== undefined) this.#cutShort.abort();
  }
}

/** Until the promise, or so long; of a run that is stopped, no longer than a person waits. */
function within(promise: Promise<void>, ms: number, stopped: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timers = [setTimeout(end, ms)];
    const hurry = () => void timers.push(setTimeout(end, stoppedDrainMs));
    function end(): void {
      for (const timer of timers) clearTimeout(timer);
      stopped.removeEventListener('abort', hurry);
      resolve();
    }
    if (stopped.aborted) hurry();
    else stopped.addEventListener('abort', hurry);
    void promise.then(end);
  });
}
