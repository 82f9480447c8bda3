import { ThresholdPosterior } from '../../statistics/threshold-posterior.js';

/** What is to be sent next. */
export interface Step {
  /**
   * `grow` to find a rate that fails, `bisect` to come closer, `confirm` the rate that was found, `overload` it, and see it
   * `recover`.
   */
  readonly phase: 'grow' | 'bisect' | 'confirm' | 'overload' | 'recover';
  /** Requests a second. */
  readonly rate: number;
  readonly durationMs: number;
  /** Idle before the step: what an overload left in queues is not to be held against this one. */
  readonly pauseMs: number;
}

/** What came of a step. */
export interface Observation {
  /**
   * Whether the thresholds held. `unclear`: the generator was the limit, there was no data, or latencies were within limits and
   * kept growing.
   */
  readonly holds: boolean | 'unclear';
  /** Requests a second that were sent. */
  readonly achieved: number;
  /** All of the time that the step took, with its pause and drain; what was asked for unless said. */
  readonly tookMs?: number;
}

export interface SearchOptions {
  /** Rate of the first step, in requests a second; 10 unless said. */
  readonly start?: number;
  /** The least and the highest rate that are tried; 1 and 1,000,000 unless said. */
  readonly lowest?: number;
  readonly highest?: number;
  /** How close to the capacity the search comes: 0.05 unless said. */
  readonly precision?: number;
  /** All steps with their pauses; two minutes unless said. */
  readonly budgetMs?: number;
}

export interface Capacity {
  /** The highest rate that held, in requests a second; undefined when none did. */
  readonly rate: number | undefined;
  /**
   * `converged`: the capacity is known as closely as wanted, and `rate` held in a longer step. `budget`: time was over before.
   * `highest`: the highest rate held. `lowest`: not even the lowest rate did. `unclear`: the generator went no further.
   */
  readonly end: 'converged' | 'budget' | 'highest' | 'lowest' | 'unclear';
  /** Probability that the capacity is within the precision of `rate`, if answers are as reliable as is taken for granted. */
  readonly confidence: number;
  /** The capacity is within these with a probability of 90 %. */
  readonly interval: { readonly lower: number; readonly upper: number };
  /** Whether 60 % of `rate` held after an overload; undefined when it was not tried. */
  readonly recovered: boolean | undefined;
  readonly steps: readonly (Step & Observation)[];
}

/** Requests that a step should have, so that its p95 says something, unless it would take too long. */
const requestsOfStep = 200;
const growMs = { least: 2000, most: 4000 };
/** So much beyond the capacity a step of that length may hold: its queues have no time to grow. */
const growSlack = 1.1;
const bisectMs = { least: 3000, most: 8000 };
const confirmMs = 10_000;
const overload = { by: 1.4, ms: 3000 };
const recovery = { to: 0.6, ms: 4000, tries: 2 };
/** Of being within the precision. */
const enough = 0.95;
/** Steps for which there must be time. */
const confirmations = 2;
/** Bisections to come from a factor of two to a few percent, of which some are repeats. */
const usualBisections = 9;

/**
 * Finds the highest rate that holds, as a state machine: each `next(observation)` gives the next step, the first `next()` the
 * first one, and at the end there is the result. The rate doubles until it does not hold. From then on the median of what is
 * believed of the capacity is tried (`ThresholdPosterior`), so that close to the limit steps repeat themselves. A rate that
 * is slightly below is confirmed in a longer step; then it is overloaded, and must hold again at a lower rate. What twice
 * running is unclear is taken not to hold.
 */
export function* searchCapacity(options: SearchOptions = {}): Generator<Step, Capacity, Observation> {
  const { start = 10, lowest = 1, highest = 1e6, precision = 0.05, budgetMs = 120_000 } = options;
  let posterior = new ThresholdPosterior(lowest / 2, highest * 1.1);
  const steps: (Step & Observation)[] = [];
  let left = budgetMs;
  let pauseMs = 0;
  const fits = (durationMs: number) => pauseMs + durationMs <= left;

  function* take(
    phase: Step['phase'],
    rate: number,
    durationMs: number,
  ): Generator<Step, boolean, Observation> {
    for (let tries = 1; ; tries++) {
      const step: Step = { phase, rate, durationMs: Math.round(durationMs), pauseMs };
      const observation = yield step;
      steps.push({ ...step, ...observation });
      left -= observation.tookMs ?? step.durationMs + step.pauseMs;
      const { holds } = observation;
      if (holds === 'unclear' && phase !== 'overload' && tries < 2 && fits(durationMs)) continue;
      if (phase !== 'overload' && phase !== 'recover') posterior.observe(rate, holds === true);
      // The time that a server needs for what it was sent beyond its capacity, as far as that is known.
      const excess = (growSlack * rate) / (highestHeld(rate) ?? rate / 2) - 1;
      pauseMs = holds === true ? 0 : Math.round(durationMs * Math.min(1.5, 1.25 * excess));
      return holds === true;
    }
  }

  const confidenceIn = (rate: number) => posterior.within(rate / (1 + precision), rate * (1 + precision));
  const conclude = (end: Capacity['end'], rate: number | undefined, recovered?: boolean): Capacity => ({
    rate,
    end,
    confidence: rate === undefined ? 0 : confidenceIn(rate),
    interval: { lower: posterior.quantile(0.05), upper: posterior.quantile(0.95) },
    recovered,
    steps,
  });
  const durationOf = (rate: number, { least, most }: { least: number; most: number }) =>
    Math.min(most, Math.max(least, (1000 * requestsOfStep) / rate));
  const lastUnclear = () => steps.at(-1)?.holds === 'unclear';
  const highestHeld = (atMost: number): number | undefined =>
    steps
      .filter((step) => step.holds === true && step.rate <= atMost)
      .reduce<number | undefined>((most, step) => Math.max(most ?? 0, step.rate), undefined);

  const growMsOf = (rate: number) => durationOf(rate, growMs);
  /** One failure in so short a step may be chance, and would begin the search in the wrong place. */
  function* growTo(rate: number): Generator<Step, boolean, Observation> {
    if (yield* take('grow', rate, growMsOf(rate))) return true;
    if (lastUnclear() || !fits(growMsOf(rate))) return false;
    return yield* take('grow', rate, growMsOf(rate));
  }

  let rate = Math.min(highest, Math.max(lowest, start));
  if (yield* growTo(rate)) {
    do {
      if (rate === highest) return conclude('highest', rate);
      if (!fits(growMs.most)) return conclude('budget', rate);
      rate = Math.min(highest, 2 * rate);
    } while (yield* growTo(rate));
    if (lastUnclear()) return conclude('unclear', highestHeld(rate));
  } else {
    do {
      if (rate === lowest) return conclude(lastUnclear() ? 'unclear' : 'lowest', undefined);
      if (!fits(growMs.most)) return conclude('budget', undefined);
      rate = Math.max(lowest, rate / 4);
    } while (!(yield* take('grow', rate, growMsOf(rate))));
  }

  // What is far from these two rates is not worth a doubt: it would only draw the median away.
  const held = highestHeld(highest)!;
  const failed = Math.min(...steps.map((step) => step.rate).filter((tried) => tried > held));
  posterior = new ThresholdPosterior(held / 2, Math.min(highest * 1.1, failed * 2));
  for (const { rate, holds } of steps)
    posterior.observe(holds === true ? rate / growSlack : rate, holds === true);

  const reserve = overload.ms + recovery.tries * recovery.ms;
  const bisectFor = left - reserve - confirmations * confirmMs;
  const within = (rate: number) => Math.min(highest, Math.max(lowest, rate));
  const likely = () => within(posterior.quantile(0.25));
  while (confidenceIn(likely()) < enough && fits(reserve + (confirmations - 1) * confirmMs + bisectMs.most)) {
    const middle = within(posterior.quantile(0.5));
    const durationMs = Math.max(durationOf(middle, bisectMs), bisectFor / usualBisections);
    yield* take('bisect', middle, Math.min(durationMs, bisectMs.most));
  }

  // Slightly beyond the capacity a short step holds, since queues take time to grow: from there it is walked down.
  let candidate = likely();
  let found: number | undefined;
  while (found === undefined && fits(reserve + confirmMs)) {
    if (yield* take('confirm', candidate, confirmMs)) found = candidate;
    else candidate = within(Math.min(likely(), candidate / (1 + precision / 2)));
  }
  const end = found !== undefined && confidenceIn(found) >= 0.9 ? 'converged' : 'budget';
  found ??= highestHeld(posterior.quantile(0.5));
  if (found === undefined || !fits(reserve)) return conclude(end, found);

  yield* take('overload', Math.min(highest, found * overload.by), overload.ms);
  pauseMs = 0;
  let recovered = false;
  for (let tries = 0; tries < recovery.tries && !recovered && fits(recovery.ms); tries++) {
    recovered = yield* take('recover', found * recovery.to, recovery.ms);
    pauseMs = 0;
  }
  return conclude(end, found, recovered);
}
