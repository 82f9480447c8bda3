import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import type { RawSeries } from '../../../src/lib/clients/prometheus.js';
import { Increments } from '../../../src/lib/rollout/analysis/increments.js';
import { scaled } from '../../scale.js';

const since = 1_000_000;
const unborn = { before: () => undefined, forgotten: false };

function series(samples: readonly (readonly [number, number])[], labels = {}): RawSeries {
  return {
    labels,
    times: samples.map(([at]) => since + at * 1000),
    values: samples.map(([, value]) => value),
  };
}

function increase(samples: readonly (readonly [number, number])[], origins = unborn): number {
  const increments = new Increments(since, false);
  increments.add([series(samples)]);
  return increments.finish(origins)[0]!.increase;
}

describe('the increments of one counter', () => {
  test('begin at its last sample at or before the start', () => {
    expect(increase([[-30, 5], [-15, 7], [0, 9], [15, 20]])).toBe(11); // prettier-ignore
  });

  test('begin at 0 for a counter that was born after the start', () => {
    expect(increase([[10, 3], [25, 4]])).toBe(4); // prettier-ignore
  });

  test('continue after a restart from 0', () => {
    expect(increase([[-5, 100], [10, 110], [25, 4], [40, 6]])).toBe(16); // prettier-ignore
  });

  test('are none when its last sample is before the start', () => {
    expect(increase([[-30, 5], [-15, 70]])).toBe(0); // prettier-ignore
  });

  test('pass over values that no counter has', () => {
    expect(increase([[-5, 10], [10, NaN], [25, Infinity], [40, 13]])).toBe(3); // prettier-ignore
  });

  test('begin at what it was long before, when it was out of reach as the step began', () => {
    expect(increase([[10, 1003], [25, 1004]], { before: () => 1000, forgotten: false } as never)).toBe(4); // prettier-ignore
    expect(increase([[10, 3], [25, 4]], { before: () => 1000, forgotten: false } as never)).toBe(4); // prettier-ignore
  });

  test('begin at its first sample when Prometheus does not know what was before', () => {
    expect(increase([[10, 1003], [25, 1004]], { before: () => undefined, forgotten: true })).toBe(1); // prettier-ignore
  });
});

/** A life of a process: it counts from 0, and is scraped at some seconds. */
interface Life {
  readonly growth: readonly number[];
}

/** Counters of processes that are born, die and restart, as Prometheus sees them; and what was really counted. */
const story = fc.record({
  birth: fc.integer({ min: -120, max: 200 }),
  lives: fc.array(
    fc.record({ growth: fc.array(fc.integer({ min: 0, max: 50 }), { minLength: 1, maxLength: 12 }) }),
    { minLength: 1, maxLength: 4 },
  ),
  jitter: fc.infiniteStream(fc.integer({ min: 1, max: 30 })),
});

function live({ birth, lives, jitter }: { birth: number; lives: Life[]; jitter: Iterator<number> }) {
  const samples: [number, number][] = [];
  let truth = 0;
  let at = birth;
  let shown: number | undefined;
  for (const { growth } of lives) {
    // What of this life was counted before the start.
    let before = 0;
    let value = 0;
    for (const [i, more] of growth.entries()) {
      // A restart shows when the counter is lower than it was; another one cannot be told from growth.
      value += i === 0 && shown !== undefined ? Math.min(more, Math.max(0, shown - 1)) : more;
      at += jitter.next().value as number;
      if (i === 0 && shown === 0) before = 0;
      samples.push([at, value]);
      if (at <= 0) before = value;
    }
    if (at > 0) truth += value - before;
    shown = value;
  }
  return { samples, truth };
}

/** The samples in pieces of time, as they are read. */
function inPieces(
  samples: readonly [number, number][],
  cuts: readonly number[],
  labels: object,
): RawSeries[] {
  const edges = [-Infinity, ...[...cuts].sort((a, b) => a - b), Infinity];
  return edges
    .slice(1)
    .map((end, i) => series(samples.filter(([at]) => at > edges[i]! && at <= end), labels)); // prettier-ignore
}

test('whatever processes do, the sum is what they counted since the start', () => {
  fc.assert(
    fc.property(
      fc.array(story, { minLength: 1, maxLength: 5 }),
      fc.array(fc.integer({ min: -100, max: 500 }), { maxLength: 5 }),
      (stories, cuts) => {
        const increments = new Increments(since, false);
        const told = stories.map((one) => live(one as never));
        const pieces = told.map(({ samples }, i) => inPieces(samples, cuts, { instance: `${i}` }));
        for (let i = 0; i <= cuts.length; i++) increments.add(pieces.map((all) => all[i]!));
        const found = new Map(increments.finish(unborn).map((one) => [one.labels.instance, one.increase]));
        for (const [i, { truth }] of told.entries()) expect(found.get(`${i}`)).toBe(truth);
      },
    ),
    { numRuns: scaled(500) },
  );
});

test('the buckets of a histogram restart together, also those that did not decrease', () => {
  const life = fc.array(fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 20 }), {
    minLength: 1,
    maxLength: 5,
  });
  fc.assert(
    fc.property(fc.array(life, { minLength: 1, maxLength: 3 }), (lives) => {
      // Latencies 0 to 3, cumulative buckets le=0…3; every life begins after the start.
      const buckets = ['0', '1', '2', '+Inf'].map((le) => ({ le, samples: [] as [number, number][] }));
      const truth = [0, 0, 0, 0];
      let at = 5;
      let [shown, seen] = [0, [] as number[]];
      for (const scrapes of lives) {
        const values = [0, 0, 0, 0];
        for (const [i, latencies] of scrapes.entries()) {
          // After a restart fewer were observed than before, in all buckets together.
          const taken = i === 0 && shown > 0 ? latencies.slice(0, shown - 1) : latencies;
          for (const latency of taken) for (let bucket = latency; bucket < 4; bucket++) values[bucket]! += 1;
          at += 5;
          for (const [bucket, { samples }] of buckets.entries()) samples.push([at, values[bucket]!]);
          seen = values;
        }
        for (const [bucket, value] of values.entries()) truth[bucket]! += value;
        shown = seen[3]!;
      }
      const increments = new Increments(since, true);
      increments.add(buckets.map(({ le, samples }) => series(samples, { le, instance: 'a' })));
      expect(increments.finish(unborn).map((one) => one.increase)).toEqual(truth);
    }),
    { numRuns: scaled(300) },
  );
});

test('tells how often and until when samples came', () => {
  const increments = new Increments(since, false);
  increments.add([series([[-20, 1], [-10, 1], [0, 1], [10, 2]])]); // prettier-ignore
  expect(increments.newest).toBe(since + 10_000);
  expect(increments.intervalMs).toBe(10_000);
  expect(increments.hasBirths).toBe(false);
});
