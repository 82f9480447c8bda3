import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import type { Clock } from '../../../src/lib/core/clock.js';
import { closedLoop, openLoop } from '../../../src/lib/measure/loops.js';
import { scaled } from '../../scale.js';

const { signal } = new AbortController();

/** Time that moves only while somebody sleeps, and then by as much as was asked for and `late` more. */
class SleepyClock implements Clock {
  #ms = 5000;
  constructor(private readonly late: () => number = () => 0) {}
  now(): number {
    return this.#ms;
  }
  monotonic(): number {
    return this.#ms;
  }
  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    await Promise.resolve();
    signal?.throwIfAborted();
    this.#ms += ms + this.late();
  }
  /** Work that keeps the process busy. */
  pass(ms: number): void {
    this.#ms += ms;
  }
}

describe('an open loop', () => {
  test('starts each at i ÷ rate after the first, without drift, at any rate', async () => {
    const rate = fc.oneof(fc.double({ min: 0.001, max: 1, noNaN: true }), fc.integer({ min: 1, max: 5000 }));
    await fc.assert(
      fc.asyncProperty(rate, fc.integer({ min: 0, max: 300 }), async (rate, count) => {
        const clock = new SleepyClock();
        const begun = clock.monotonic();
        const starts: [number, number][] = [];
        await openLoop({ count, rate }, clock, signal, async (i, intendedAt) => {
          expect(i).toBe(starts.length);
          starts.push([intendedAt, clock.monotonic()]);
        });
        expect(starts).toHaveLength(count);
        for (const [i, [intendedAt, startedAt]] of starts.entries()) {
          expect(intendedAt).toBeCloseTo(begun + (i * 1000) / rate, 5);
          expect(startedAt).toBeCloseTo(intendedAt, 5);
        }
      }),
    );
  });

  test('makes up for late starts at once, and loses none', async () => {
    const naps = fc.array(fc.integer({ min: 0, max: 400 }), { minLength: 20, maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(naps, async (late) => {
        let slept = 0;
        const clock = new SleepyClock(() => late[slept++ % late.length]!);
        const begun = clock.monotonic();
        const starts: { intendedAt: number; startedAt: number }[] = [];
        await openLoop({ count: 50, rate: 10 }, clock, signal, async (_, intendedAt) => {
          starts.push({ intendedAt, startedAt: clock.monotonic() });
        });
        expect(starts.map(({ intendedAt }) => intendedAt)).toEqual(
          Array.from({ length: 50 }, (_, i) => begun + i * 100),
        );
        for (const { intendedAt, startedAt } of starts) {
          expect(startedAt).toBeGreaterThanOrEqual(intendedAt);
          expect(startedAt - intendedAt).toBeLessThanOrEqual(400);
        }
      }),
    );
  });

  test('does not wait for the work, but for its end', async () => {
    const clock = new SleepyClock();
    const ends: (() => void)[] = [];
    let over = false;
    const loop = openLoop(
      { count: 5, rate: 1 },
      clock,
      signal,
      () => new Promise((end) => ends.push(end)),
    ).then(() => (over = true));
    await expect.poll(() => ends.length).toBe(5);
    for (const end of ends.slice(1)) end();
    await new Promise(setImmediate);
    expect(over).toBe(false);
    ends[0]!();
    await loop;
  });

  test('ends at the first failure, and tells the others', async () => {
    const clock = new SleepyClock();
    const failure = new Error('broken');
    const told: unknown[] = [];
    let started = 0;
    const loop = openLoop({ count: 100, rate: 1 }, clock, signal, async (i, _, signal) => {
      started++;
      if (i === 3) throw failure;
      await new Promise((_, reject) =>
        signal.addEventListener('abort', () => reject(told[told.push(signal.reason) - 1] as Error)),
      );
    });
    await expect(loop).rejects.toBe(failure);
    expect(started).toBeLessThan(10);
    expect(new Set(told)).toEqual(new Set([failure]));
  });

  test('is stopped with the signal’s reason', async () => {
    const clock = new SleepyClock();
    const stopping = new AbortController();
    const reason = new Error('stopped');
    let started = 0;
    const loop = openLoop({ count: 100, rate: 1 }, clock, stopping.signal, async () => {
      if (++started === 3) stopping.abort(reason);
    });
    await expect(loop).rejects.toBe(reason);
    expect(started).toBe(3);
    await expect(
      openLoop({ count: 1, rate: 1 }, clock, stopping.signal, () => expect.fail('it began')),
    ).rejects.toBe(reason);
  });
});

describe('a closed loop', () => {
  test('does each once, in order, never more at once than it has workers', async () => {
    const cases = fc.tuple(
      fc.nat(100),
      fc.integer({ min: 1, max: 20 }),
      fc.array(fc.nat(5), { minLength: 1 }),
    );
    await fc.assert(
      fc.asyncProperty(cases, async ([count, workers, turns]) => {
        const begun: number[] = [];
        let busy = 0;
        let most = 0;
        await closedLoop(count, workers, signal, async (i) => {
          begun.push(i);
          most = Math.max(most, ++busy);
          for (let turn = turns[i % turns.length]!; turn >= 0; turn--) await Promise.resolve();
          busy--;
        });
        expect(begun).toEqual(Array.from({ length: count }, (_, i) => i));
        expect(most).toBe(Math.min(count, workers));
        expect(busy).toBe(0);
      }),
      { numRuns: scaled(50) },
    );
  });

  test('ends at the first failure when all have ended, and begins nothing more', async () => {
    const failure = new Error('broken');
    const begun: number[] = [];
    let ended = 0;
    const loop = closedLoop(100, 4, signal, async (i, signal) => {
      begun.push(i);
      if (i === 5) throw failure;
      if (i < 2) return;
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => setImmediate(resolve)));
      expect(signal.reason).toBe(failure);
      ended++;
    });
    await expect(loop).rejects.toBe(failure);
    expect(begun).toEqual([0, 1, 2, 3, 4, 5]);
    expect(ended).toBe(3);
  });

  test('is stopped with the signal’s reason', async () => {
    const stopping = new AbortController();
    const reason = new Error('stopped');
    let begun = 0;
    const loop = closedLoop(100, 2, stopping.signal, async () => {
      if (++begun === 10) stopping.abort(reason);
    });
    await expect(loop).rejects.toBe(reason);
    expect(begun).toBeLessThanOrEqual(11);
  });
});
