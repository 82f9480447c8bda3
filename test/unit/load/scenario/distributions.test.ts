import { describe, expect, it } from 'vitest';

import { Picker } from '../../../../src/lib/load/picker.js';
import { seededRandom } from '../../../../src/lib/load/random.js';
import { drawWait, readWait } from '../../../../src/lib/load/scenario/wait.js';
import { UserCurve } from '../../../../src/lib/load/users.js';
import { replayable } from '../../../random.js';

const { seed } = replayable('waits and weights');
const many = 20_000;

describe('a wait', () => {
  it.each<[written: unknown, mean: number, deviation: number, least: number, most: number]>([
    ['1s..3s', 2000, 2000 / Math.sqrt(12), 1000, 3000],
    // Users who wait equally long would stay in step.
    ['2s', 2000, 1000 / Math.sqrt(12), 1500, 2500],
    ['0s..1s', 500, 1000 / Math.sqrt(12), 0, 1000],
    [{ constant: '2s' }, 2000, 0, 2000, 2000],
    [{ exponential: '2s' }, 2000, 2000, 0, Infinity],
    [{ normal: '2s', deviation: '500ms' }, 2000, 500, 0, Infinity],
  ])('%j has its mean and its deviation', (written, mean, deviation, least, most) => {
    const random = seededRandom(seed);
    const drawn = Array.from({ length: many }, () => drawWait(readWait(written), random));
    const found = drawn.reduce((sum, ms) => sum + ms, 0) / many;
    const variance = drawn.reduce((sum, ms) => sum + (ms - found) ** 2, 0) / many;
    // 6 standard errors: 1 in 10⁹.
    expect(Math.abs(found - mean)).toBeLessThanOrEqual((6 * deviation) / Math.sqrt(many));
    expect(Math.sqrt(variance)).toBeGreaterThanOrEqual(deviation * 0.9);
    expect(Math.sqrt(variance)).toBeLessThanOrEqual(deviation * 1.1);
    expect(Math.min(...drawn)).toBeGreaterThanOrEqual(least);
    expect(Math.max(...drawn)).toBeLessThanOrEqual(most);
  });
});

it('tasks are chosen by weight, and one of weight 0 never', () => {
  const tasks = [{ weight: 6 }, { weight: 3 }, { weight: 0 }, { weight: 1 }];
  const picker = new Picker(tasks, seededRandom(seed));
  const counts = new Map(tasks.map((task) => [task, 0]));
  for (let i = 0; i < many; i++) {
    const task = picker.next();
    counts.set(task, counts.get(task)! + 1);
  }
  for (const [{ weight }, count] of counts) {
    const share = weight / 10;
    expect(Math.abs(count - many * share)).toBeLessThanOrEqual(6 * Math.sqrt(many * share * (1 - share)));
  }
});

describe('users of a ramp', () => {
  const curve = new UserCurve([
    { durationMs: 10_000, from: 0, to: 10 },
    { durationMs: 5000, from: 10, to: 10 },
    { durationMs: 1000, from: 50, to: 50 },
    { durationMs: 2000, from: 50, to: 0 },
  ]);
  it.each([
    [0, 0],
    [1, 1],
    [1000, 1],
    [1001, 2],
    [9999, 10],
    [12_000, 10],
    [15_000, 50],
    [17_000, 25],
    [18_000, 0],
    [30_000, 0],
  ])('after %i ms: %i', (ms, users) => {
    expect(curve.at(ms)).toBe(users);
  });
});
