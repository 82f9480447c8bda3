import { setTimeout as sleep } from 'node:timers/promises';

import { expect, test } from 'vitest';

import { readAhead } from '../../../src/lib/core/read-ahead.js';

const never = new AbortController().signal;

test('gives every item in order, each asked for before the one before is done with', async () => {
  let asked = 0;
  async function* numbers() {
    for (; asked < 5;) yield await Promise.resolve(++asked);
  }
  const seen: [item: number, asked: number][] = [];
  for await (const item of readAhead(numbers, never)) {
    await sleep(5);
    seen.push([item, asked]);
  }
  expect(seen.map(([item]) => item)).toEqual([1, 2, 3, 4, 5]);
  expect(seen.map(([item, ahead]) => ahead - item)).toEqual([1, 1, 1, 1, 0]);
});

test('an error that comes while the consumer works is thrown after the item, and never unhandled', async () => {
  const unhandled: unknown[] = [];
  const note = (reason: unknown) => unhandled.push(reason);
  process.on('unhandledRejection', note);
  async function* failing() {
    yield await Promise.resolve('good');
    throw new Error('no more');
  }
  const seen: string[] = [];
  const reading = async () => {
    for await (const item of readAhead(failing, never)) {
      await sleep(20);
      seen.push(item);
    }
  };
  await expect(reading()).rejects.toThrow('no more');
  await sleep(20);
  process.off('unhandledRejection', note);
  expect(seen).toEqual(['good']);
  expect(unhandled).toEqual([]);
});

test.each(['leaves', 'fails'])('a consumer that %s does not wait for what was asked for', async (how) => {
  let tidied = false;
  async function* stuck(signal: AbortSignal) {
    try {
      yield 'first';
      await sleep(600_000, undefined, { signal });
    } finally {
      tidied = true;
    }
  }
  const reading = async () => {
    for await (const item of readAhead(stuck, never)) {
      if (how === 'leaves') return item;
      throw new Error(item);
    }
    return undefined;
  };
  if (how === 'leaves') expect(await reading()).toBe('first');
  else await expect(reading()).rejects.toThrow('first');
  expect(tidied).toBe(true);
});
