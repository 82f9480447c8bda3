import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import {
  type Capacity,
  searchCapacity,
  type SearchOptions,
} from '../../../../src/lib/load/capacity/search.js';
import { scaled } from '../../../scale.js';
import { between, pick, seeded } from '../../statistics/sampling.js';
import { fragile, generatorOf, hardCap, noisy, queue, type Server } from './servers.js';

/** @returns also how long it took, in milliseconds of the server's time */
function run(server: Server, options?: SearchOptions): Capacity & { tookMs: number } {
  const search = searchCapacity(options);
  let tookMs = 0;
  for (let turn = search.next(); ;) {
    if (turn.done) return { ...turn.value, tookMs };
    const { value } = turn;
    expect(value.rate).toBeGreaterThan(0);
    expect(value.durationMs).toBeGreaterThan(0);
    tookMs += value.durationMs + value.pauseMs;
    turn = search.next(server(value));
  }
}

const budgetMs = 120_000;

describe('comes within 5 % of a known capacity in two minutes', () => {
  it('of a queue, with one worker or many, nearly always', () => {
    const random = seeded(3);
    const runs = scaled(16);
    let close = 0;
    for (let i = 0; i < runs; i++) {
      const server = { rate: between(random, 500, 2500), workers: pick(random, [1, 2, 8, 16]) };
      const { rate, recovered, tookMs } = run(queue(random, server));
      expect(tookMs).toBeLessThanOrEqual(budgetMs);
      expect(recovered).toBe(true);
      if (Math.abs(rate! / limitOf(server) - 1) < 0.05) close++;
    }
    console.log(`queue: ${close} of ${runs} within 5 %`);
    expect(close / runs).toBeGreaterThan(0.85);
  });

  it('of a server that refuses the rest', () => {
    fc.assert(
      fc.property(
        fc.double({ min: Math.log(50), max: Math.log(50_000), noNaN: true }),
        fc.integer({ min: 1, max: 200 }),
        (log, start) => {
          const capacity = Math.exp(log);
          const { tookMs, ...found } = run(hardCap(capacity), { start });
          expect(tookMs).toBeLessThanOrEqual(budgetMs);
          expect(Math.abs(found.rate! / capacity - 1)).toBeLessThan(0.05);
          expect(found.recovered).toBe(true);
          if (start <= capacity) expect(found.end).toBe('converged');
          expect(found.interval.lower).toBeLessThanOrEqual(capacity * 1.02);
          expect(found.interval.upper).toBeGreaterThanOrEqual(capacity * 0.99);
        },
      ),
      { numRuns: 200 },
    );
  });

  it('of a noisy one, at least as often as it says', () => {
    const random = seeded(12);
    const runs = 400;
    let [close, claimed] = [0, 0];
    for (let i = 0; i < runs; i++) {
      const capacity = between(random, 50, 20_000);
      const { rate, confidence, tookMs } = run(noisy(random, capacity));
      expect(tookMs).toBeLessThanOrEqual(budgetMs);
      if (rate !== undefined && Math.abs(rate / capacity - 1) < 0.05) close++;
      claimed += confidence;
    }
    console.log(`noisy: ${close} of ${runs} within 5 %, ${claimed.toFixed(0)} claimed`);
    expect(close / runs).toBeGreaterThan(0.88);
    expect(close).toBeGreaterThan(claimed - 0.03 * runs);
  });
});

describe('what has no capacity to be found', () => {
  it('all that was allowed holds', () => {
    expect(run(hardCap(1e9), { highest: 3000 })).toMatchObject({ end: 'highest', rate: 3000 });
  });

  it('nothing holds', () => {
    const found = run(() => ({ holds: false, achieved: 0 }));
    expect(found).toMatchObject({ end: 'lowest', rate: undefined, confidence: 0, recovered: undefined });
    expect(found.steps.at(-1)!.rate).toBe(1);
  });

  it('the generator goes no further', () => {
    const found = run(generatorOf(700));
    expect(found).toMatchObject({ end: 'unclear', rate: 640 });
    expect(found.steps.slice(-2).map(({ rate, holds }) => ({ rate, holds }))).toEqual([
      { rate: 1280, holds: 'unclear' },
      { rate: 1280, holds: 'unclear' },
    ]);
  });

  it('always unclear', () => {
    expect(run(() => ({ holds: 'unclear', achieved: 0 }))).toMatchObject({ end: 'unclear', rate: undefined });
  });
});

it('says when a server does not recover', () => {
  const found = run(fragile(500));
  expect(found).toMatchObject({ end: 'converged', recovered: false });
  expect(found.rate).toBeGreaterThan(475);
  expect(found.steps.slice(-3).map(({ phase }) => phase)).toEqual(['overload', 'recover', 'recover']);
  expect(found.steps.at(-1)!.rate).toBeCloseTo(0.6 * found.rate!, 6);
});

it('keeps to its time, also where steps take longer than they should', () => {
  for (const budget of [10_000, 30_000, 60_000, 120_000]) {
    let took = 0;
    const slow: Server = (step) => {
      const tookMs = 1.5 * (step.durationMs + step.pauseMs);
      took += tookMs;
      return { ...hardCap(900)(step), tookMs };
    };
    const found = run(slow, { budgetMs: budget });
    // The step under way when time is over is not cut short.
    expect(took).toBeLessThan(1.5 * budget);
    expect(found.rate).toBeLessThanOrEqual(910);
  }
  expect(run(hardCap(900), { budgetMs: 30_000 })).toMatchObject({ end: 'budget' });
});

it('goes down where the first rate is too much', () => {
  const found = run(hardCap(3), { start: 400 });
  expect(found.rate).toBeGreaterThan(2);
  expect(found.rate).toBeLessThan(3.1);
});

it('goes no higher than it may', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 10, max: 5000 }),
      fc.integer({ min: 10, max: 5000 }),
      (capacity, highest) => {
        for (const { rate } of run(hardCap(capacity), { highest }).steps)
          expect(rate).toBeLessThanOrEqual(highest);
      },
    ),
  );
});

/** The rate at which p95 of D/M/c reaches 0.2 s in the long run, by bisection of a simulation of two minutes. */
function limitOf({ rate, workers }: { rate: number; workers: number }): number {
  let [holds, fails] = [0.8 * rate, 1.1 * rate];
  while (fails / holds > 1.01) {
    const middle = (holds + fails) / 2;
    const step = { phase: 'grow', rate: middle, durationMs: 120_000, pauseMs: 0 } as const;
    if (queue(seeded(1), { rate, workers })(step).holds === true) holds = middle;
    else fails = middle;
  }
  return holds;
}
