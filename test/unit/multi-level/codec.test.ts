import fc from 'fast-check';
import { expect, test } from 'vitest';

import { MultiLevelCache } from '../../../src/lib/cache/multi-level/cache.js';
import { json, text, type Codec } from '../../../src/lib/cache/multi-level/codec.js';
import { MemoryLevel } from '../../../src/lib/cache/memory/keyed-level.js';
import { systemClock } from '../../../src/lib/core/clock.js';
import { toBytes } from '../../../src/lib/core/bytes.js';

function setup(codec: Codec) {
  const level = new MemoryLevel({ name: 'memory', maxBytes: 1e8, clock: systemClock });
  const cache = new MultiLevelCache({ levels: [{ level }], codec });
  /** What other clients of the level would see. */
  const stored = (key: string) => Buffer.from(level.peek(toBytes(key))!.value, 'latin1');
  return { cache, stored };
}

const texts = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom('Zähler Ö', '⚡️🔌 99 €', 'a\0b', 'ÿþ', '\u2028', 'metrify:tags {}\n'),
);

test("a user's JSON functions are a codec: every text comes back, and is stored as UTF-8", async () => {
  const { cache, stored } = setup({
    encode: (value) => JSON.stringify(value),
    decode: (given) => JSON.parse(given) as unknown,
  });
  await fc.assert(
    fc.asyncProperty(texts, texts, async (key, value) => {
      await cache.set(key, { value });
      expect(await cache.get(key)).toEqual({ value });
      expect(stored(key).equals(Buffer.from(JSON.stringify({ value }), 'utf8'))).toBe(true);
    }),
  );
});

test('both given codecs do the same', async () => {
  for (const codec of [json, text]) {
    const { cache } = setup(codec);
    await fc.assert(
      fc.asyncProperty(texts, async (value) => {
        await cache.set('k', value);
        expect(await cache.get('k')).toBe(value);
        expect(await cache.getOrLoad(`load ${value}`, () => Promise.resolve(value))).toBe(value);
      }),
    );
  }
});

test('a binary codec gets the bytes that it made, also those that are not UTF-8', async () => {
  const { cache, stored } = setup({
    binary: true,
    encode: (value) => value as Uint8Array,
    decode: (bytes) => new Uint8Array(bytes),
  });
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (bytes) => {
      // A part of a larger buffer, as views of sockets are.
      const view = new Uint8Array([7, ...bytes, 7]).subarray(1, 1 + bytes.length);
      await cache.set('k', view);
      expect(await cache.get('k')).toEqual(bytes);
      expect(stored('k').equals(bytes)).toBe(true);
    }),
  );
});
