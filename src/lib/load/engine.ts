import { Accounts } from './accounts.js';
import { Flight, type Ground } from './flight.js';
import type { Latencies } from '../measure/latencies.js';
import type { EngineJob } from './job.js';
import type { NameTable } from './name-table.js';
import { type NetworkCounts, networkOf } from './network-counts.js';
import { openTransport } from './open-transport.js';
import { PacedTimer } from './paced-timer.js';
import { Playback } from './replay/playback.js';
import { Schedule } from './schedule.js';
import { ShortfallWatch } from './shortfall.js';
import type { SlowRequest } from './slowest.js';
import { latenciesOpener, type OpenLatencies } from './tally.js';
import { TraceIds } from './trace-ids.js';
import type { Transport } from './transport.js';
import { openWorkload, type Workload } from './workload.js';

const sweepEveryMs = 50;

/** When the flights of an open loop begin: milliseconds from the origin, in order; undefined at the end. */
interface Agenda {
  next(): number | undefined | Promise<number | undefined>;
}

/** What one thread counted. */
export interface EngineTally {
  readonly names: NameTable;
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
  readonly accounts: Accounts;
  readonly #lag: Latencies;
  readonly #begin: number;
  readonly #playback: Playback | undefined;
  /** Requests that were sent, and have not come to their end. */
  #underWay = 0;
  #lastSent = 0;
  #lastSweep = 0;
  #shortfall: string | undefined;
  readonly #cutShort = new AbortController();
  readonly #shortfallWatch: ShortfallWatch | undefined;
  #drained: () => void = () => {};

  static async open(job: EngineJob): Promise<Engine> {
    return new Engine(job, await latenciesOpener());
  }

  private constructor(job: EngineJob, openLatencies: OpenLatencies) {
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
    const { arrivals, drainMs } = this.#job;
    const signal = AbortSignal.any([stop, this.#cutShort.signal]);
    const started = performance.eventLoopUtilization();
    let [endedMs, busy] = [0, 0];
    const sweep = setInterval(() => this.#sweep(), sweepEveryMs);
    const drained = new Promise<void>((resolve) => (this.#drained = resolve));
    try {
      if (arrivals.loop === 'closed') await this.#keepBusy(arrivals.users, signal);
      else if (this.#playback) await this.#playBack(this.#playback, signal);
      else if (arrivals.loop === 'open') {
        await this.#beginAtTimes(this.#agendaOf(new Schedule(arrivals.stages)), signal);
        await this.#until(this.#job.durationMs, signal);
      }
      this.isDraining = true;
      endedMs = performance.now() - this.#begin;
      busy = performance.eventLoopUtilization(started).utilization;
      for (const transport of this.transports) transport.drop();
      if (this.#underWay > 0) await within(drained, drainMs);
    } finally {
      clearInterval(sweep);
    }
    const now = performance.now();
    for (const transport of this.transports) transport.close(now);
    const sum = (count: (transport: Transport) => number) =>
      this.transports.reduce((total, transport) => total + count(transport), 0);
    return {
      names: this.accounts.names,
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

  begun(now: number): void {
    this.#underWay++;
    this.#lastSent = now;
  }

  ended(): void {
    this.#underWay--;
    if (this.isDraining && this.#underWay === 0) this.#drained();
  }

  /** This thread's share of a schedule. */
  #agendaOf(schedule: Schedule): Agenda {
    const { thread, threads } = this.#job;
    let i = thread - threads;
    return { next: () => ((i += threads) < schedule.count ? schedule.dueNs(i) / 1e6 : undefined) };
  }

  async #beginAtTimes(agenda: Agenda, signal: AbortSignal): Promise<void> {
    const timer = new PacedTimer();
    for (;;) {
      const next = agenda.next();
      const dueMs = typeof next === 'object' ? await next : next;
      if (dueMs === undefined || signal.aborted) return;
      const due = this.#begin + dueMs;
      while (due > performance.now()) {
        await timer.until(due);
        if (signal.aborted) return;
      }
      this.#lag.record(performance.now() - due);
      new Flight(this).proceed(due);
    }
  }

  async #playBack(playback: Playback, signal: AbortSignal): Promise<void> {
    const stop = () => playback.close();
    signal.addEventListener('abort', stop, { once: true });
    await this.#beginAtTimes(playback, signal);
    signal.removeEventListener('abort', stop);
    playback.close();
    await this.#until(playback.endMs, signal);
    // The last requests of a recording may still wait for a connection.
    const timer = new PacedTimer();
    const end = performance.now() + this.#job.drainMs;
    while (this.accounts.progress.sent < this.accounts.due && performance.now() < end && !signal.aborted)
      await timer.until(performance.now() + 10);
  }

  async #keepBusy(users: number, signal: AbortSignal): Promise<void> {
    const timer = new PacedTimer();
    while (performance.now() < this.#begin && !signal.aborted) await timer.until(this.#begin);
    for (let i = 0; i < users; i++) new Flight(this).proceed(performance.now());
    await this.#until(this.#job.durationMs, signal);
  }

  /** @param ms from the origin */
  async #until(ms: number, signal: AbortSignal): Promise<void> {
    const timer = new PacedTimer();
    const end = this.#begin + ms;
    while (performance.now() < end && !signal.aborted) await timer.until(end);
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

function within(promise: Promise<void>, ms: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    void promise.then(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
