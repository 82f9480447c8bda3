import { expect, test } from 'vitest';

import { Retrier } from '../../../src/lib/clients/redis/retrier.js';
import { ServiceUnavailable } from '../../../src/lib/core/errors.js';

const problem = new ServiceUnavailable('away');

test('waits between attempts until the patience has ended, then throws what is wrong', async () => {
  const retrier = new Retrier(3000, new AbortController().signal);
  let pauses = 0;
  const start = performance.now();
  const waiting = async () => {
    for (;;) {
      await retrier.pause(problem);
      pauses++;
    }
  };
  await expect(waiting()).rejects.toBe(problem);
  // The pauses are 25 ms to 500 ms long; one of them may be that of a machine that stalls.
  expect(pauses).toBeGreaterThan(2);
  expect(performance.now() - start).toBeGreaterThan(3000);
});

test('without any patience there is one more attempt, and one more after each success', async () => {
  const retrier = new Retrier(0, new AbortController().signal);
  await retrier.pause(problem);
  await expect(retrier.pause(problem)).rejects.toBe(problem);
  retrier.succeeded();
  await retrier.pause(problem);
});

test('ends with the reason of its signal', async () => {
  const controller = new AbortController();
  const retrier = new Retrier(60_000, controller.signal);
  const reason = new Error('stopped');
  const waiting = retrier.pause(problem);
  controller.abort(reason);
  await expect(waiting).rejects.toBe(reason);
  await expect(retrier.pause(problem)).rejects.toBe(reason);
});
