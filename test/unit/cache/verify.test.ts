import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { KeyFilter, sameValue, WrittenSample } from '../../../src/lib/cache/warm/verify.js';
import { toBytes, type ByteString } from '../../../src/lib/core/bytes.js';
import { scaled } from '../../scale.js';

describe('the filter of keys that are not compared', () => {
  test('has every key that was added', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ unit: fc.constantFrom('a', ':', '\xff', '7', '\x00') }), { maxLength: 2000 }),
        (keys) => {
          const filter = new KeyFilter();
          for (const key of keys) filter.add(key as ByteString);
          for (const key of keys) expect(filter.has(key as ByteString)).toBe(true);
        },
      ),
      { numRuns: scaled(5) },
    );
  });

  test('an empty one has none', () => expect(new KeyFilter().has(toBytes('meter:1'))).toBe(false));

  test.each([
    ['numbered', (i: number) => `meter:${i}:latest`],
    ['long and alike', (i: number) => `${'meter:'.repeat(20)}${i}`],
    ['short', (i: number) => i.toString(36)],
  ])('of 200,000 %s keys, hardly one in a thousand is taken for another', (_, key) => {
    const filter = new KeyFilter();
    for (let i = 0; i < 200_000; i++) filter.add(toBytes(key(i)));
    let wrong = 0;
    for (let i = 200_000; i < 300_000; i++) if (filter.has(toBytes(key(i)))) wrong++;
    expect(wrong).toBeLessThan(100);
  });
});

describe('the sample of what was written', () => {
  const entry = (key: string, value = key) => ({ key: toBytes(key), value: toBytes(value), ttlMs: 0 });

  test('is uniform: every place of the stream is as likely as any other', () => {
    const [size, length, runs] = [50, 1000, 400];
    const hits = new Array<number>(10).fill(0);
    for (let run = 0; run < runs; run++) {
      const sample = new WrittenSample(size);
      for (let i = 0; i < length; i++) sample.offer(entry(`k${i}`));
      const kept = [...sample.entries()];
      expect(kept).toHaveLength(size);
      for (const [key] of kept) hits[Math.floor((Number(key.slice(1)) * 10) / length)]!++;
    }
    const expected = (runs * size) / 10;
    const chiSquare = hits.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
    expect(chiSquare, String(hits)).toBeLessThan(33.7); // 9 degrees of freedom: once in 10,000 runs
  });

  test('holds the last value of each key, and no key twice', () => {
    const sample = new WrittenSample(100);
    for (let round = 0; round < 3; round++)
      for (let i = 0; i < 300; i++) sample.offer(entry(`k${i}`, `${i}:${round}`));
    const kept = [...sample.entries()];
    expect(new Set(kept.map(([key]) => key)).size).toBe(kept.length);
    expect(kept).toHaveLength(100);
    for (const [key, value] of kept) expect(value).toBe(`${key.slice(1)}:2`);
  });

  test('of fewer keys than it can hold, it holds all', () => {
    const sample = new WrittenSample(100);
    for (let i = 0; i < 30; i++) sample.offer(entry(`k${i}`));
    expect([...sample.entries()]).toHaveLength(30);
  });
});

test('hashes are the same whatever the order of their fields', () => {
  expect(sameValue(['a', '1', 'b', '2'].map(toBytes), ['b', '2', 'a', '1'].map(toBytes))).toBe(true);
  for (const other of [
    ['a', '1'],
    ['a', '1', 'b', '3'],
    ['a', '1', 'c', '2'],
    ['a', '1', 'b', '2', 'c', '3'],
    [],
  ])
    expect(sameValue(['a', '1', 'b', '2'].map(toBytes), other.map(toBytes))).toBe(false);
  expect(sameValue(toBytes('a'), ['a', '1'].map(toBytes))).toBe(false);
  expect(sameValue(toBytes('a'), toBytes('a'))).toBe(true);
});
