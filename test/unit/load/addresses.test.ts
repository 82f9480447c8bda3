import { setTimeout as delay } from 'node:timers/promises';

import { describe, expect, it } from 'vitest';

import { Addresses } from '../../../src/lib/load/addresses.js';

/** A resolver whose answers are given, and how often it was asked. */
function resolver(...answers: (readonly string[] | Error)[]) {
  const asked = { times: 0 };
  const resolve = async () => {
    const answer = answers[Math.min(asked.times++, answers.length - 1)]!;
    await delay(5);
    if (answer instanceof Error) throw answer;
    return answer;
  };
  return { asked, resolve };
}

const first = async (addresses: Addresses) => (await addresses.next())[0];

describe('the addresses of a name', () => {
  it('are used in turn, each with the others behind it, after one look-up for all', async () => {
    const { asked, resolve } = resolver(['10.0.0.3', '10.0.0.1', '10.0.0.2', '10.0.0.1']);
    const addresses = new Addresses('web.example', { everyMs: 60_000, offset: 0, resolve });
    const taken = await Promise.all(Array.from({ length: 6 }, async () => addresses.next()));
    expect(taken.slice(0, 3)).toEqual([
      ['10.0.0.1', '10.0.0.2', '10.0.0.3'],
      ['10.0.0.2', '10.0.0.3', '10.0.0.1'],
      ['10.0.0.3', '10.0.0.1', '10.0.0.2'],
    ]);
    expect(taken.slice(3)).toEqual(taken.slice(0, 3));
    expect([asked.times, addresses.lookups]).toEqual([1, 1]);
  });

  it('are taken by threads that begin at different ones', async () => {
    const options = { fixed: ['10.0.0.1', '10.0.0.2'], everyMs: 1 };
    expect(await first(new Addresses('web.example', { ...options, offset: 0 }))).toBe('10.0.0.1');
    expect(await first(new Addresses('web.example', { ...options, offset: 1 }))).toBe('10.0.0.2');
  });

  it('are looked up again when they are old; one that is gone is not used again', async () => {
    const { asked, resolve } = resolver(['10.0.0.1', '10.0.0.2', '10.0.0.3'], ['10.0.0.1', '10.0.0.3']);
    const addresses = new Addresses('web.example', { everyMs: 20, offset: 0, resolve });
    await addresses.next();
    await delay(40);
    const later = new Set<string | undefined>();
    for (let i = 0; i < 20; i++) later.add(await first(addresses));
    expect(asked.times).toBeGreaterThan(1);
    expect(later).toEqual(new Set(['10.0.0.1', '10.0.0.3']));
  });

  it('stay while the resolver fails, but for a name that was never known', async () => {
    const unknown = Object.assign(new Error('no such name'), { code: 'ENOTFOUND' });
    const { resolve } = resolver(['10.0.0.1'], unknown);
    const addresses = new Addresses('web.example', { everyMs: 10, offset: 0, resolve });
    await addresses.next();
    await delay(20);
    expect(await addresses.next()).toEqual(['10.0.0.1']);
    const never = new Addresses('web.example', { everyMs: 10, offset: 0, ...resolver(unknown) });
    await expect(never.next()).rejects.toBe(unknown);
  });

  it('of an address is itself, and nobody is asked', () => {
    const { asked, resolve } = resolver([]);
    expect(new Addresses('::1', { everyMs: 1, offset: 3, resolve }).next()).toEqual(['::1']);
    expect(asked.times).toBe(0);
  });
});
