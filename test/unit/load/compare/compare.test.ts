import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';

import { compareRuns, type CompareOptions } from '../../../../src/lib/load/compare/compare.js';
import type { Slice } from '../../../../src/lib/load/compare/slice.js';
import { latenciesOpener, type OpenLatencies } from '../../../../src/lib/load/tally.js';
import { normal, seeded } from '../../statistics/sampling.js';
import { p95Of, requestsPerSlice, scenarios, simulate } from './simulated-runs.js';

let open: OpenLatencies;
beforeAll(async () => {
  open = await latenciesOpener();
});

const judge = (a: readonly Slice[], b: readonly Slice[], options: Partial<CompareOptions> = {}) =>
  compareRuns(a, b, { open, ...options });

/** A slice a second. A and B of the same `startAt` are interleaved. */
function slices(count: number, of: (i: number) => Partial<Slice> & { ms?: readonly number[] }, startAt = 0) {
  return Array.from({ length: count }, (_, i): Slice => {
    const { ms = [], ...given } = of(i);
    const latencies = open();
    for (const each of ms) latencies.record(each);
    const slice = { startMs: startAt + i * 1000, errors: 0, incomplete: open(), ...given, latencies };
    return { ...slice, sent: given.sent ?? latencies.count + slice.errors + slice.incomplete.count };
  });
}

const constant = (ms: number, count = 600) => Array.from({ length: count }, () => ms);

function logNormals(seed: number, median: number, count = 600) {
  const random = seeded(seed);
  return () => Array.from({ length: count }, () => median * Math.exp(0.4 * normal(random)));
}

function ages(count: number, ms: number) {
  const latencies = open();
  for (let i = 0; i < count; i++) latencies.record(ms);
  return latencies;
}

describe('what there is no verdict on', () => {
  it.each([
    ['one has no slice', 0, 30, 'A has no expected answers'],
    ['both have none', 0, 0, 'A has no expected answers'],
    ['each has one slice', 1, 1, 'there is 1 slice of 100 answers or more; 8 are needed'],
    ['one has too few', 30, 7, 'there are 7 slices of 100 answers or more; 8 are needed'],
  ])('%s', (_, ofA, ofB, missing) => {
    const a = slices(ofA, () => ({ ms: constant(10) }));
    const b = slices(ofB, () => ({ ms: constant(99) }), 100_000);
    const result = judge(a, b);
    expect(result.conclusion).toBe('unclear');
    expect(p95Of(result)).toMatchObject({ verdict: 'unclear', missing, plan: undefined });
    expect(p95Of(result).interval).toEqual({ lower: 0, upper: Infinity });
    expect(result.errors.verdict).toBe('unclear');
    expect(result.errors.missing).toMatch(/^there (is 1 slice|are \d slices) with requests; 8 are needed$/);
  });

  it('all answers of B are errors: its errors are more, and of its latency nothing is said', () => {
    const a = slices(30, () => ({ ms: constant(10) }));
    const b = slices(30, () => ({ errors: 600 }), 500);
    const result = judge(a, b);
    expect(p95Of(result)).toMatchObject({
      verdict: 'unclear',
      missing: 'B has no expected answers',
      b: undefined,
    });
    expect(result.errors).toMatchObject({ verdict: 'higher', b: { events: 18_000, trials: 18_000 } });
    expect(result.conclusion).toBe('worse');
  });

  it('a quantile for which there are too few requests does not hide what the others say', () => {
    const a = slices(20, () => ({ ms: constant(10, 100) }));
    const b = slices(20, () => ({ ms: constant(10, 100) }), 500);
    const result = judge(a, b);
    expect(result.quantiles.map(({ verdict }) => verdict)).toEqual(['same', 'same', 'same', 'unclear']);
    expect(result.quantiles[3]!.missing).toBe('there are 4 slices of 500 answers or more; 8 are needed');
    expect(result.errors.verdict).toBe('same');
    expect(result.conclusion).toBe('same');
  });
});

describe('latencies that do not vary', () => {
  it('are the same when equal, also where they fall into neighbouring buckets', () => {
    for (const other of [10, 10.05, 9.97]) {
      const result = judge(
        slices(20, () => ({ ms: constant(10) })),
        slices(20, () => ({ ms: constant(other) }), 500),
      );
      expect(result.quantiles.map(({ verdict }) => verdict)).toEqual(['same', 'same', 'same', 'same']);
    }
  });

  it('are slower and faster when they are', () => {
    const [a, b] = [slices(20, () => ({ ms: constant(10) })), slices(20, () => ({ ms: constant(11) }), 500)];
    expect(judge(a, b).conclusion).toBe('worse');
    expect(judge(b, a).conclusion).toBe('better');
    expect(p95Of(judge(a, b)).ratio).toBeCloseTo(1.1, 1);
  });

  it('of a microsecond, which is the shortest that is recorded, nothing is said', () => {
    const of = () => ({ ms: constant(0) });
    expect(p95Of(judge(slices(20, of), slices(20, of, 500)))).toMatchObject({ verdict: 'unclear', ratio: 1 });
  });

  it('heavy ties: latencies of two values only, in the same mixture, are the same', () => {
    const random = seeded(3);
    const ms = () => Array.from({ length: 600 }, () => (random() < 0.8 ? 1 : 40));
    const result = judge(
      slices(40, () => ({ ms: ms() })),
      slices(40, () => ({ ms: ms() }), 500),
    );
    expect(result.conclusion).toBe('same');
    expect(p95Of(result).a!.atLeast).toBeCloseTo(40, 0);
  });
});

describe('requests without an answer', () => {
  it('of B: it may be slower than it seems, and is found slower all the same', () => {
    const a = slices(20, () => ({ ms: constant(10) }));
    const b = slices(20, () => ({ ms: constant(10), incomplete: ages(60, 2000) }), 500);
    const p95 = p95Of(judge(a, b));
    expect(p95).toMatchObject({ verdict: 'slower', ratio: undefined });
    expect(p95.b!.atMost).toBe(Infinity);
    expect(p95.interval.upper).toBe(Infinity);
    expect(p95.interval.lower).toBeGreaterThan(150);
  });

  it('of both: no telling', () => {
    const of = () => ({ ms: constant(10), incomplete: ages(60, 2000) });
    const result = judge(slices(20, of), slices(20, of, 500));
    expect(p95Of(result).interval).toEqual({ lower: 0, upper: Infinity });
    expect(p95Of(result).verdict).toBe('unclear');
    // The median is known: it is not among the slowest tenth.
    expect(result.quantiles[0]!.verdict).toBe('same');
    expect(result.errors.verdict).toBe('unclear');
  });

  it('of A: never a reason to call B slower', () => {
    const a = slices(20, () => ({ ms: constant(10), incomplete: ages(60, 20) }));
    const b = slices(20, () => ({ ms: constant(30) }), 500);
    expect(p95Of(judge(a, b)).verdict).toBe('unclear');
  });
});

it('the error rate differs while latency is the same', () => {
  const random = seeded(8);
  const [ofA, ofB] = [logNormals(21, 20), logNormals(22, 20)];
  const errors = (rate: number) => Array.from({ length: 600 }).filter(() => random() < rate).length;
  const a = slices(60, () => ({ ms: ofA(), errors: errors(0.001) }));
  const b = slices(60, () => ({ ms: ofB(), errors: errors(0.02) }), 500);
  const result = judge(a, b);
  expect(p95Of(result).verdict).toBe('same');
  expect(result.errors.verdict).toBe('higher');
  expect(result.errors.interval.lower).toBeGreaterThan(0.01);
  expect(result.conclusion).toBe('worse');
  expect(judge(b, a).errors.verdict).toBe('lower');
});

it('an outage of one slice is not an error rate', () => {
  const a = slices(20, () => ({ ms: constant(10) }));
  const b = slices(20, (i) => ({ ms: constant(10, i === 4 ? 300 : 600), errors: i === 4 ? 300 : 0 }), 500);
  expect(judge(a, b).errors.verdict).toBe('unclear');
});

describe('a gate', () => {
  const [ofA, ofB, ofC] = [logNormals(1, 20), logNormals(2, 21), logNormals(3, 26)];
  const gate = { maxIncrease: 0.1 };

  it('lets pass what is slower by less, and not what is slower by more', () => {
    const a = slices(80, () => ({ ms: ofA() }));
    const b = slices(80, () => ({ ms: ofB() }), 500);
    const c = slices(80, () => ({ ms: ofC() }), 500);
    expect(judge(a, b).conclusion).toBe('worse');
    expect(judge(a, b, gate).conclusion).toBe('same');
    expect(judge(a, c, gate).conclusion).toBe('worse');
  });

  it('is not passed by what is too noisy to tell', () => {
    const random = seeded(5);
    const noisy = () => ({ ms: constant(10 * Math.exp(0.5 * normal(random))) });
    const result = judge(slices(10, noisy), slices(10, noisy, 500), gate);
    expect(result.conclusion).toBe('unclear');
    expect(p95Of(result).plan).toMatchObject({ certainty: 0.95, requestsPerSlice: 600 });
    expect(p95Of(result).plan!.slices).toBeGreaterThan(100);
  });
});

describe('how slices are matched', () => {
  const level = (i: number) => 20 * Math.exp(0.4 * Math.sin(i));

  it('interleaved, what both have in common cancels out, in the orders A B A B and A B B A', () => {
    const [ofA, ofB] = [logNormals(1, 1), logNormals(2, 1.05)];
    const scale = (ms: number[], by: number) => ms.map((each) => each * by);
    const a = slices(60, (i) => ({ startMs: 2000 * i, ms: scale(ofA(), level(i)) }));
    for (const second of [() => 1000, (i: number) => (i % 2 === 0 ? 1000 : -1000)]) {
      const b = slices(60, (i) => ({ startMs: 2000 * i + second(i), ms: scale(ofB(), level(i)) }));
      const result = judge(a, b);
      expect(result.interleaved).toBe(true);
      expect(p95Of(result).verdict).toBe('slower');
      const later = b.map((slice) => ({ ...slice, startMs: slice.startMs + 3_600_000 }));
      expect(judge(a, later)).toMatchObject({ interleaved: false, conclusion: 'unclear' });
    }
  });

  it('takes runs of different lengths, and slices in any order', () => {
    const [ofA, ofB] = [logNormals(1, 20), logNormals(2, 30)];
    const a = slices(60, () => ({ ms: ofA() }));
    const b = slices(25, () => ({ ms: ofB() }), 3_600_000);
    expect(judge(a, b)).toMatchObject({ interleaved: false, conclusion: 'worse' });
    expect(judge([...a].reverse(), [...b].reverse())).toEqual(judge(a, b));
  });
});

it('B against A is A against B the other way round', () => {
  const opposite = { slower: 'faster', faster: 'slower', same: 'same', unclear: 'unclear' } as const;
  fc.assert(
    fc.property(
      fc.integer(),
      fc.constantFrom(...scenarios),
      fc.integer({ min: 1, max: 40 }),
      (seed, scenario, n) => {
        const { a, slower: b } = simulate(seeded(seed), scenario, n, open);
        const [there, back] = [judge(a, b), judge(b, a)];
        const mirrored = { lower: -back.errors.interval.upper, upper: -back.errors.interval.lower };
        expect(there.errors.interval.lower).toBeCloseTo(mirrored.lower, 9);
        expect(there.errors.interval.upper).toBeCloseTo(mirrored.upper, 9);
        there.quantiles.forEach((one, i) => {
          const other = back.quantiles[i]!;
          expect(other.verdict).toBe(opposite[one.verdict]);
          if (one.missing !== undefined) return;
          expect(one.interval.lower * other.interval.upper).toBeCloseTo(1, 9);
          expect(one.ratio! * other.ratio!).toBeCloseTo(1, 9);
          expect(one.interval.lower).toBeLessThanOrEqual(one.ratio!);
          expect(one.interval.upper).toBeGreaterThanOrEqual(one.ratio!);
          expect(one.plan!.requestsPerSlice).toBe(requestsPerSlice);
        });
      },
    ),
    { numRuns: 30 },
  );
});
