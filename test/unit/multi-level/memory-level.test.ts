import { spawnSync } from 'node:child_process';

import fc from 'fast-check';
import { expect, test } from 'vitest';

import { entryOverheadBytes, MemoryLevel } from '../../../src/lib/cache/memory/keyed-level.js';
import { systemClock } from '../../../src/lib/core/clock.js';
import { aMoment, FakeClock } from './fake-clock.js';
import { toBytes } from '../../../src/lib/core/bytes.js';
import { scaled } from '../../scale.js';

const open = (maxBytes: number, clock = systemClock) => new MemoryLevel({ name: 'memory', maxBytes, clock });

test('keeps what was used last, as a list that is searched from its end does', async () => {
  const step = fc.record({
    write: fc.boolean(),
    key: fc.constantFrom(...'abcdefgh'),
    length: fc.integer({ min: 0, max: 900 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 200 }), async (steps) => {
      const maxBytes = 2000;
      const level = open(maxBytes);
      // The oracle: newest last, and no more of it than fits.
      let list: { key: string; length: number }[] = [];
      const size = (): number =>
        list.reduce((sum, { key, length }) => sum + key.length + length + entryOverheadBytes, 0);
      for (const { write, key, length } of steps) {
        const known = list.find((entry) => entry.key === key);
        if (!write) expect(level.peek(toBytes(key))?.value.length).toBe(known?.length);
        else await level.set(toBytes(key), { value: toBytes('x'.repeat(length)) }, undefined);
        if (!write && !known) continue;
        list = list.filter((entry) => entry.key !== key);
        list.push(write ? { key, length } : known!);
        while (size() > maxBytes) list.shift();
        expect(level.bytes).toBe(size());
        expect(level.size).toBe(list.length);
      }
    }),
    { numRuns: scaled(200) },
  );
});

test('stays within its bytes under pressure, and refuses what never fits', async () => {
  const level = open(100_000);
  for (let i = 0; i < 20_000; i++) {
    await level.set(toBytes(`key:${i}`), { value: toBytes('x'.repeat(i % 5000)) }, undefined);
    expect(level.bytes).toBeLessThanOrEqual(100_000);
  }
  expect(level.evictions).toBeGreaterThan(15_000);
  expect(level.peek(toBytes('key:19999'))).toBeDefined();
  await level.set(toBytes('big'), { value: toBytes('small') }, undefined);
  expect(await level.set(toBytes('big'), { value: toBytes('x'.repeat(100_000)) }, undefined)).toBe('unfit');
  expect(level.peek(toBytes('big'))).toBeUndefined();
});

test('an entry takes about the memory that is counted for it', () => {
  const program = `
    import { MemoryLevel } from './src/lib/cache/memory/keyed-level.ts';
    const level = new MemoryLevel({ name: 'm', maxBytes: 1e12, clock: { now: Date.now, monotonic: () => performance.now() } });
    gc();
    const before = process.memoryUsage();
    for (let i = 0; i < 300_000; i++)
      await level.set(Buffer.from('meter:' + i + ':latest').latin1Slice(), { value: Buffer.alloc(100, 97).latin1Slice(), expiresAt: 1e9 + i / 3 }, undefined);
    gc();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    console.log((heapUsed - before.heapUsed + arrayBuffers - before.arrayBuffers) / level.bytes);`;
  const run = spawnSync(
    process.execPath,
    ['--expose-gc', '--import', 'tsx', '--input-type=module', '-e', program],
    {
      encoding: 'utf8',
    },
  );
  const ratio = Number(run.stdout);
  expect(run.stderr.includes('Error')).toBe(false);
  expect(ratio).toBeGreaterThan(0.6);
  expect(ratio).toBeLessThanOrEqual(1.02);
});

test('an entry ends with its time by the monotonic clock, wherever the wall clock jumps', async () => {
  const clock = new FakeClock();
  const level = open(10_000, clock);
  await level.set(toBytes('a'), { value: toBytes('1'), expiresAt: clock.monotonic() + 1000 }, undefined);
  for (const jump of [86_400_000, -10 * 86_400_000]) {
    clock.jump(jump);
    await aMoment();
    expect(level.peek(toBytes('a'))).toBeDefined();
  }
  clock.advance(1000);
  await aMoment();
  expect(level.peek(toBytes('a'))).toBeUndefined();
  expect(level.bytes).toBe(0);
});
