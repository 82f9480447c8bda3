import { setTimeout as delay } from 'node:timers/promises';

import fc from 'fast-check';
import { expect, test } from 'vitest';

import { merge } from '../../../src/lib/core/merge.js';
import { scaled } from '../../scale.js';

async function* stream(
  name: string,
  count: number,
  ms: number,
  ended: string[] = [],
): AsyncGenerator<string> {
  try {
    for (let i = 0; i < count; i++) {
      await delay(ms);
      yield `${name}${i}`;
    }
  } finally {
    ended.push(name);
  }
}
async function collect(items: AsyncIterable<string>): Promise<string[]> {
  const all: string[] = [];
  for await (const item of items) all.push(item);
  return all;
}

test('gives every item once, each stream in its order, the fast ones not held up by the slow', async () => {
  let open!: () => void;
  const opened = new Promise<void>((resolve) => (open = resolve));
  // Held up by the slow one, the fast one would never open the gate.
  async function* fast(): AsyncGenerator<string> {
    yield* stream('a', 20, 1);
    open();
  }
  async function* slow(): AsyncGenerator<string> {
    yield 'b0';
    await opened;
    yield* ['b1', 'b2'];
  }
  const all = await collect(merge([fast(), slow(), stream('c', 0, 1)]));
  expect(all.filter((item) => item.startsWith('a'))).toEqual(Array.from({ length: 20 }, (_, i) => `a${i}`));
  expect(all.filter((item) => item.startsWith('b'))).toEqual(['b0', 'b1', 'b2']);
  expect(all).toHaveLength(23);
  expect(all.indexOf('b1')).toBeGreaterThan(all.indexOf('a19'));
  expect(await collect(merge([]))).toEqual([]);
});

test('the first error ends it, and the other streams are closed', async () => {
  const ended: string[] = [];
  async function* broken(): AsyncGenerator<string> {
    yield 'last';
    await delay(5);
    throw new Error('broken');
  }
  await expect(collect(merge([stream('a', 1000, 1, ended), broken()]))).rejects.toThrow('broken');
  expect(ended).toEqual(['a']);
});

test('whoever stops listening closes the streams', async () => {
  const ended: string[] = [];
  for await (const item of merge([stream('a', 100, 1, ended), stream('b', 100, 3, ended)]))
    if (item === 'a3') break;
  expect(ended.sort()).toEqual(['a', 'b']);
});

test('an error that comes while the consumer works waits for it, and is never unhandled', async () => {
  const unhandled: unknown[] = [];
  const note = (reason: unknown) => unhandled.push(reason);
  process.on('unhandledRejection', note);
  try {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(4), fc.nat(3), fc.boolean()), { minLength: 1, maxLength: 4 }),
        fc.nat(6),
        async (streams, consumerMs) => {
          async function* one(name: number): AsyncGenerator<string> {
            const [count, ms, fails] = streams[name]!;
            for (let i = 0; i < count; i++) {
              await delay(ms);
              yield `${name}`;
            }
            if (fails) throw new Error(`stream ${name}`);
          }
          let seen = 0;
          const work = (async () => {
            for await (const item of merge(streams.map((_, name) => one(name)))) {
              seen += item.length;
              await delay(consumerMs);
            }
          })();
          const items = streams.reduce((sum, [count]) => sum + count, 0);
          if (streams.some(([, , fails]) => fails)) await expect(work).rejects.toThrow(/^stream \d$/);
          else await work.then(() => expect(seen).toBe(items));
        },
      ),
      { numRuns: scaled(60) },
    );
    await delay(5);
    expect(unhandled).toEqual([]);
  } finally {
    process.off('unhandledRejection', note);
  }
});
