import fc from 'fast-check';
import { expect, it } from 'vitest';

import { TimeOrder } from '../../../../src/lib/load/replay/time-order.js';

const roomy = { windowMs: 100, most: 1e6, mostSize: 1e9 };

interface Placed {
  readonly time: number;
  readonly item: number;
}

/** Adds them in parts, as a log is read. */
function orderOf(times: readonly number[], limits: typeof roomy, every: number) {
  const order = new TimeOrder<number>(limits);
  const taken: Placed[] = [];
  const take = (isEnd: boolean) => {
    for (const { time, items } of order.take(isEnd)) taken.push(...items.map((item) => ({ time, item })));
  };
  let most = 0;
  times.forEach((time, i) => {
    order.add(time, i, 1);
    if (i % every === 0) take(false);
    most = Math.max(most, i + 1 - taken.length);
  });
  take(true);
  return { order, taken, most };
}

it('is a stable sort while nothing comes later than the window', () => {
  const times = fc.array(fc.tuple(fc.nat(50), fc.nat(99)), { maxLength: 200 }).map((steps) => {
    let now = 0;
    return steps.map(([step, late]) => (now += step) - late);
  });
  fc.assert(
    fc.property(times, fc.integer({ min: 1, max: 20 }), (given, every) => {
      const { order, taken } = orderOf(given, roomy, every);
      const sorted = given.map((time, item) => ({ time, item })).sort((a, b) => a.time - b.time);
      expect(taken).toEqual(sorted);
      expect(order.tooLate).toBe(0);
      const earlier = given.filter((time, i) => given.slice(0, i).some((before) => before > time));
      expect(order.disordered).toBe(earlier.length);
    }),
  );
});

it('loses nothing, goes forward and holds back no more than it may, whatever comes', () => {
  const limits = { windowMs: 100, most: 20, mostSize: 1e9 };
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -1000, max: 1000 }), { maxLength: 300 }), (given) => {
      const { order, taken, most } = orderOf(given, limits, 1);
      expect(taken.map(({ item }) => item).sort((a, b) => a - b)).toEqual(given.map((_, i) => i));
      expect(taken.map(({ time }) => time)).toEqual(taken.map(({ time }) => time).sort((a, b) => a - b));
      // What is sent at another time than its own came too late.
      expect(taken.filter(({ time, item }) => time !== given[item]).length).toBe(order.tooLate);
      expect(most).toBeLessThanOrEqual(21);
    }),
  );
});
