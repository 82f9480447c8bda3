import { setTimeout as delay } from 'node:timers/promises';

import { silentProgress } from '../../core/progress.js';
import type { LoadPlan, LoadTally } from '../generator.js';
import type { LoadResult } from '../result.js';
import { resultOf } from '../result.js';
import { runPlan } from '../run-plan.js';
import { latenciesOpener } from '../tally.js';
import type { Threshold } from '../threshold.js';
import { type Capacity, type Observation, searchCapacity, type SearchOptions, type Step } from './search.js';

/** A step of load, and how the service did. Times are in milliseconds. */
export interface MeasuredStep {
  readonly phase: Step['phase'];
  /** Requests a second; tasks, of a scenario. */
  readonly rate: number;
  readonly achieved: number;
  readonly durationMs: number;
  readonly holds: Observation['holds'];
  readonly sent: number;
  /** Failed, or with an unexpected answer. */
  readonly errors: number;
  /** Of expected answers, with the ages of requests without one; null without any. */
  readonly latencyMs: Pick<LoadResult['latencyMs'], 'p50' | 'p95' | 'p99'>;
  readonly thresholds: LoadResult['thresholds'];
  /** Why the generator was the limit. */
  readonly bottleneck?: string;
}

export interface MeasuredCapacity extends Omit<Capacity, 'steps'> {
  readonly steps: readonly MeasuredStep[];
}

export interface CapacityOptions extends SearchOptions {
  readonly thresholds: readonly Threshold[];
  readonly onStep: (step: MeasuredStep) => void;
}

/** Service times that are so many times those of the lightest load are the server's: it is what keeps connections in use. */
const slower = 2;

/** Looks for the highest rate at which a plan's load holds the thresholds. @throws what the generator throws; when stopped */
export async function measureCapacity(
  plan: LoadPlan,
  { thresholds, onStep, ...options }: CapacityOptions,
  signal: AbortSignal,
): Promise<MeasuredCapacity> {
  const search = searchCapacity(options);
  const steps: MeasuredStep[] = [];
  let lightestMs: number | null = null;
  let turn = search.next();
  while (!turn.done) {
    const step = turn.value;
    const began = performance.now();
    await delay(step.pauseMs, undefined, { signal });
    const ran = await runPlan(atRate(plan, step), thresholds, signal, silentProgress);
    signal.throwIfAborted();
    lightestMs ??= ran.result.serviceTimeMs.p50;
    const measured = await measuredStep(step, ran, thresholds, lightestMs);
    steps.push(measured);
    onStep(measured);
    const { holds, achieved } = measured;
    turn = search.next({ holds, achieved, tookMs: performance.now() - began });
  }
  return { ...turn.value, steps };
}

function atRate(plan: LoadPlan, { rate, durationMs }: Step): LoadPlan {
  const stages = [{ durationMs, from: rate, to: rate }];
  const poisson = plan.arrivals.loop === 'open' && plan.arrivals.spacing === 'poisson';
  return {
    ...plan,
    durationMs,
    arrivals: { loop: 'open', stages, ...(poisson && { spacing: 'poisson' }) },
  };
}

async function measuredStep(
  { phase, rate }: Step,
  { plan, tally, result }: { plan: LoadPlan; tally: LoadTally; result: LoadResult },
  thresholds: readonly Threshold[],
  lightestMs: number | null,
): Promise<MeasuredStep> {
  const open = await latenciesOpener();
  // All connections in use is what an overload looks like: who waits for one counts.
  const asServers = resultOf(tally, {
    targetRate: rate,
    threads: plan.threads,
    maxConnections: Infinity,
    thresholds,
    open,
  });
  const { sent, errors, latencyMs, achievedRate } = result;
  const { bottleneck } = result.generator;
  return {
    phase,
    rate,
    achieved: achievedRate,
    durationMs: result.durationMs,
    holds: holdsOf(result, asServers, lightestMs),
    sent,
    errors: errors.total,
    latencyMs: { p50: latencyMs.p50, p95: latencyMs.p95, p99: latencyMs.p99 },
    thresholds: asServers.thresholds,
    ...(bottleneck !== undefined && { bottleneck }),
  };
}

function holdsOf(result: LoadResult, asServers: LoadResult, lightestMs: number | null): Observation['holds'] {
  if (asServers.generator.bottleneck !== undefined || asServers.generator.lostThreads > 0) return 'unclear';
  const serviceMs = result.serviceTimeMs.p50;
  const isOfConnections = result.generator.bottleneck !== undefined;
  if (isOfConnections && lightestMs !== null && serviceMs !== null && serviceMs < slower * lightestMs)
    return 'unclear';
  const verdicts = asServers.thresholds.map(({ verdict }) => verdict);
  if (verdicts.includes('failed') || isOfConnections) return false;
  return verdicts.includes('no-data') ? 'unclear' : true;
}
