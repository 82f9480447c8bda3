import { createServer } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { withTimeout } from '../../../src/lib/core/abort.js';

describe('a time-out', () => {
  let silent: Server;
  let url: string;
  let collecting: NodeJS.Timeout;
  beforeAll(async () => {
    silent = createServer(() => undefined).listen(0, '127.0.0.1');
    await new Promise((resolve) => silent.once('listening', resolve));
    url = `http://127.0.0.1:${(silent.address() as AddressInfo).port}/`;
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    collecting = setInterval(collect, 10);
  });
  afterAll(() => {
    clearInterval(collecting);
    silent.close();
  });

  it('comes, though garbage is collected meanwhile', async () => {
    const asked = Array.from({ length: 20 }, () =>
      withTimeout(new AbortController().signal, 300, async (signal) => (await fetch(url, { signal })).text()),
    );
    const outcomes = await Promise.allSettled(asked);
    expect(
      outcomes.map((one) => (one.status === 'rejected' ? (one.reason as Error).name : one.status)),
    ).toEqual(Array.from({ length: 20 }, () => 'TimeoutError'));
  });

  it('leaves the signal and the work alone when the work is done', async () => {
    const stop = new AbortController();
    let within: AbortSignal | undefined;
    await expect(
      withTimeout(stop.signal, 20, (signal) => {
        within = signal;
        return Promise.resolve(7);
      }),
    ).resolves.toBe(7);
    await new Promise((resolve) => setTimeout(resolve, 60));
    stop.abort();
    expect(within!.aborted).toBe(false);
  });

  it('hands on who asked to stop, before and during the work', async () => {
    const wait = (signal: AbortSignal) =>
      new Promise<never>((_, reject) => {
        if (signal.aborted) reject(signal.reason as Error);
        signal.addEventListener('abort', () => reject(signal.reason as Error));
      });
    const stop = new AbortController();
    const working = withTimeout(stop.signal, 60_000, wait);
    stop.abort(new Error('enough'));
    await expect(working).rejects.toThrow('enough');
    await expect(withTimeout(stop.signal, 60_000, wait)).rejects.toThrow('enough');
  });
});
