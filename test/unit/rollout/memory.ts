import type { Clock } from '../../../src/lib/core/clock.js';
import { ServiceConflict, ServiceUnavailable } from '../../../src/lib/core/errors.js';
import type { BothMeasurements, Meter } from '../../../src/lib/rollout/analysis/measurements.js';
import type { CanaryRun } from '../../../src/lib/rollout/canary/run.js';
import type { LeaseRecord, LeaseStore } from '../../../src/lib/rollout/lease.js';
import { planHash } from '../../../src/lib/rollout/plan-hash.js';
import {
  type Commit,
  type Fleet,
  type Provider,
  type Route,
  type RouteChange,
  type RouteView,
  sameWeights,
  type Weights,
  type Workloads,
} from '../../../src/lib/rollout/route.js';
import { type Actor, Session } from '../../../src/lib/rollout/session.js';
import type { CanarySpec, Colour, Pair, RolloutSpec } from '../../../src/lib/rollout/spec.js';
import { analysis, measured } from './example-analysis.js';

/** Time that passes when everybody sleeps, to where the first one wakes. */
export class SleepingClock implements Clock {
  time = Date.UTC(2030, 0, 1);
  private sleepers: { at: number; wake: () => void }[] = [];
  private isTurning = false;

  now(): number {
    return this.time;
  }

  monotonic(): number {
    return this.time;
  }

  /** Does something when it is that time. */
  after(ms: number, run: () => void): void {
    this.sleepers.push({ at: this.time + ms, wake: run });
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const wake = () => {
        signal?.removeEventListener('abort', stop);
        resolve();
      };
      const stop = () => {
        this.sleepers = this.sleepers.filter((sleeper) => sleeper.wake !== wake);
        reject(signal!.reason as Error);
      };
      if (signal?.aborted) return reject(signal.reason as Error);
      signal?.addEventListener('abort', stop, { once: true });
      this.sleepers.push({ at: this.time + ms, wake });
      if (!this.isTurning) setImmediate(() => this.turn());
      this.isTurning = true;
    });
  }

  /** By the test's own hand: nobody is asleep. */
  pass(ms: number): void {
    this.time += ms;
  }

  private turn(): void {
    const next = this.sleepers.sort((a, b) => a.at - b.at).shift();
    this.isTurning = next !== undefined;
    if (!next) return;
    this.time = Math.max(this.time, next.at);
    next.wake();
    setImmediate(() => this.turn());
  }
}

/** The process is gone: no code of it runs any more. */
export class Killed extends Error {}

export type Fault = 'killed before' | 'killed after' | 'answer lost' | 'conflict' | 'unavailable';

/** A route as any provider keeps it, with what can go wrong with one. */
export class MemoryRoute implements Route {
  readonly name = 'Route web';
  weights: Weights = { stable: 100, canary: 0 };
  state: string | undefined;
  /** A process was killed between its two requests. */
  unfinished = false;
  revision = 0;
  commits = 0;
  /** For the next commits, one each. */
  faults: Fault[] = [];
  /** Nothing is read or written. */
  isDown = false;

  constructor(
    readonly clock: SleepingClock,
    readonly leases: MemoryLeases = new MemoryLeases(clock),
  ) {}

  async read(signal: AbortSignal): Promise<RouteView> {
    signal.throwIfAborted();
    this.refuseWhenDown();
    return this.view();
  }

  shows(view: RouteView, weights: Weights): boolean {
    return sameWeights(view.weights, weights);
  }

  describe(_: RouteView, { weights, state }: Commit): RouteChange[] {
    return [{ object: this.name, patch: { weights, state } }];
  }

  async commit(view: RouteView, { weights, state }: Commit, signal: AbortSignal): Promise<RouteView> {
    signal.throwIfAborted();
    this.refuseWhenDown();
    const fault = this.faults.shift();
    if (fault === 'killed before') throw new Killed();
    if (fault === 'unavailable') throw new ServiceUnavailable('the route is away');
    if (fault === 'conflict') throw new ServiceConflict('the route was changed meanwhile');
    if (view.revision !== String(this.revision)) throw new ServiceConflict('the route was changed meanwhile');
    this.weights = weights ?? this.weights;
    this.state = state;
    this.unfinished = false;
    this.revision++;
    this.commits++;
    if (fault === 'killed after') throw new Killed();
    if (fault === 'answer lost') throw new ServiceUnavailable('the connection broke');
    return this.view();
  }

  /** By somebody else. */
  edit(change: Partial<Pick<MemoryRoute, 'weights' | 'state' | 'unfinished'>>): void {
    Object.assign(this, change);
    this.revision++;
  }

  private view(): RouteView {
    const { weights, state, revision, unfinished } = this;
    return { weights, state, revision: String(revision), changedBy: undefined, unfinished };
  }

  private refuseWhenDown(): void {
    if (this.isDown) throw new ServiceUnavailable('the route is away');
  }
}

export class MemoryLeases implements LeaseStore {
  readonly name = 'Lease web';
  record: LeaseRecord | undefined;
  version = 0;
  /** For the next writes, one each. */
  faults: ('answer lost' | 'unavailable')[] = [];
  isDown = false;

  constructor(private readonly clock: Clock) {}

  now(): number {
    return this.clock.now();
  }

  async read(signal: AbortSignal) {
    signal.throwIfAborted();
    if (this.isDown) throw new ServiceUnavailable('leases are away');
    return { record: this.record, version: this.record && String(this.version) };
  }

  async write(record: LeaseRecord, version: string | undefined, signal: AbortSignal): Promise<string> {
    signal.throwIfAborted();
    const fault = this.faults.shift();
    if (this.isDown || fault === 'unavailable') throw new ServiceUnavailable('leases are away');
    if (version !== (this.record && String(this.version)))
      throw new ServiceConflict('the lease was written by somebody else');
    this.record = record;
    this.version++;
    if (fault === 'answer lost') throw new ServiceUnavailable('the connection broke');
    return String(this.version);
  }
}

/** Deployments of which a test says how they are. */
export class MemoryWorkloads implements Workloads {
  readonly ready = new Map<string, number>();
  readonly scaled: [string, number][] = [];
  /** By the number of the question, from 1. */
  failures = new Map<number, Error>();
  called = (_: number): void => {};
  private calls = 0;

  async fleet(deployment: string, signal?: AbortSignal): Promise<Fleet> {
    this.called(++this.calls);
    signal?.throwIfAborted();
    const failure = this.failures.get(this.calls);
    if (failure) throw failure;
    const ready = this.ready.get(deployment) ?? 3;
    return {
      deployment,
      desired: ready,
      ready,
      rolledOut: true,
      serving: ready,
      problem: undefined,
    };
  }

  async scale(deployment: string, replicas: number): Promise<void> {
    this.scaled.push([deployment, replicas]);
    this.ready.set(deployment, replicas);
  }
}

export const canarySpec: CanarySpec = {
  steps: [10, 50, 100],
  intervalMs: 60_000,
  maxStepDurationMs: 300_000,
  gates: { command: undefined, commandTimeoutMs: 60_000, approval: false },
};

export function pair(stable = 'v1', canary = 'v2', colours?: readonly [Colour, Colour]): Pair {
  const version = (name: string, colour: Colour | undefined) => ({
    name,
    deployment: `web-${name}`,
    colour,
  });
  return { stable: version(stable, colours?.[0]), canary: version(canary, colours?.[1]) };
}

export function rolloutSpec(change: Partial<RolloutSpec> = {}): RolloutSpec {
  return {
    app: 'web',
    namespace: undefined,
    provider: 'istio',
    route: 'web',
    versions: pair(),
    label: 'version',
    smoke: [],
    probes: [],
    analysis,
    canary: canarySpec,
    nginx: { config: undefined, binary: 'nginx' },
    envoy: { admin: undefined },
    ...change,
  };
}

/** What a meter finds: enough for either verdict, too little, or nothing. */
export type Finding = 'healthy' | 'sick' | 'little' | 'nothing' | 'away';

export class FakeMeter implements Meter {
  readonly name = 'the meter';
  readonly remembers = true;
  finding: Finding = 'healthy';
  looks = 0;

  async look() {
    this.looks++;
    if (this.finding === 'away') throw new ServiceUnavailable('the meter is away');
    return { counts: this.counts(), tally: undefined, warnings: [] };
  }

  private counts(): BothMeasurements {
    const healthy = measured(50_000, 50);
    switch (this.finding) {
      case 'sick':
        return { stable: healthy, canary: measured(50_000, 5000) };
      case 'little':
        return { stable: healthy, canary: measured(150, 1) };
      case 'nothing':
        return { stable: healthy, canary: measured(undefined) };
      default:
        return { stable: healthy, canary: healthy };
    }
  }
}

export function providerOf(route: Route, workloads?: Workloads, versions = pair()): Provider {
  return { versions, route, workloads, close: () => Promise.resolve() };
}

export interface Surroundings {
  route: MemoryRoute;
  workloads?: Workloads | undefined;
  signal?: AbortSignal;
  takeOver?: boolean;
  name?: string;
  warnings?: string[];
  versions?: Pair;
}

export function actorOf(surroundings: Surroundings): Actor {
  const { route, workloads, signal, takeOver, name, warnings, versions } = surroundings;
  return {
    provider: providerOf(route, workloads, versions),
    clock: route.clock,
    signal: signal ?? new AbortController().signal,
    name: name ?? 'ann@build (1)',
    takeOver: takeOver ?? false,
    warn: (message) => warnings?.push(message),
    command: (verb) => `metrify ${verb} web`,
  };
}

/** A process that opens the rollout, without a lease. */
export async function openRun(
  surroundings: Surroundings,
  meter: Meter | undefined,
  spec: RolloutSpec = rolloutSpec(),
): Promise<CanaryRun> {
  const session = await Session.open(actorOf({ versions: spec.versions, ...surroundings }));
  return { spec, canary: spec.canary!, hash: planHash(spec), meter, session, actor: session.actor };
}
