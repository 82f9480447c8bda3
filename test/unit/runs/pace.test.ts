import { describe, expect, test } from 'vitest';

import type { Clock } from '../../../src/lib/core/clock.js';
import { Pace } from '../../../src/lib/runs/pace.js';

/** Time passes only by sleeping, and by `work`. */
class FakeClock implements Clock {
  time = 1000;
  now = () => this.time;
  monotonic = () => this.time;
  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    this.time += ms;
    return Promise.resolve();
  }
}

const { signal } = new AbortController();

/** When each of the items went. */
async function take(pace: Pace, clock: FakeClock, total: number, workMs = 0): Promise<number[]> {
  const times: number[] = [];
  for (let left = total; left > 0;) {
    const portion = Math.min(left, pace.portion);
    await pace.take(portion, signal);
    for (let i = 0; i < portion; i++) times.push(clock.time);
    clock.time += workMs;
    left -= portion;
  }
  return times;
}

describe('Pace', () => {
  test.each([1, 7, 100, 1000, 20_000])(
    '%i a second: never more in any second, and not much less',
    async (rate) => {
      const clock = new FakeClock();
      const pace = new Pace(rate, clock);
      const times = await take(pace, clock, rate * 3);
      expect(times.at(-1)! - times[0]!).toBeGreaterThan(2850 - 1000 / rate);
      expect(times.at(-1)! - times[0]!).toBeLessThanOrEqual(3000);
      // A twentieth of a second's worth goes at once; that is all a second may have too much.
      let [first, most] = [0, 0];
      for (let last = 0; last < times.length; last++) {
        while (times[last]! - times[first]! >= 1000) first++;
        most = Math.max(most, last - first + 1);
      }
      expect(most).toBeLessThanOrEqual(rate + 2 * pace.portion);
    },
  );

  test('lost time is not caught up on', async () => {
    const clock = new FakeClock();
    const pace = new Pace(1000, clock);
    await take(pace, clock, 100);
    clock.time += 60_000;
    const times = await take(pace, clock, 1000);
    expect(times.at(-1)! - times[0]!).toBeGreaterThan(850);
  });

  test('work that takes its time is counted in', async () => {
    const clock = new FakeClock();
    const times = await take(new Pace(1000, clock), clock, 2000, 30);
    expect(times.at(-1)! - times[0]!).toBeLessThan(2050);
  });

  test('without a rate nobody waits', async () => {
    const clock = new FakeClock();
    const pace = new Pace(undefined, clock);
    expect(pace.portion).toBe(Infinity);
    await pace.take(1_000_000, signal);
    expect(clock.time).toBe(1000);
  });

  test('waiting ends with the signal', async () => {
    const clock = new FakeClock();
    const pace = new Pace(1, clock);
    await pace.take(1, signal);
    await expect(pace.take(1, AbortSignal.abort(new Error('enough')))).rejects.toThrow('enough');
  });
});
