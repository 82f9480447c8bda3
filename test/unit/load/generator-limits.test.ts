import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type { LoadPlan } from '../../../src/lib/load/generator.js';
import { checkLimits } from '../../../src/lib/load/limits.js';
import { parseResolve } from '../../../src/lib/load/resolve-override.js';
import { parseShortfall, ShortfallWatch } from '../../../src/lib/load/shortfall.js';
import { traceparentOf, TraceIds } from '../../../src/lib/load/trace-ids.js';

const plan = (maxConnections: number, target: object = {}): LoadPlan => ({
  targets: [{ host: '10.0.0.1', port: 80, ...target }],
  workload: { requests: [] },
  arrivals: { loop: 'closed', users: maxConnections },
  threads: 2,
  durationMs: 1000,
  drainMs: 0,
  maxConnections,
  timeoutMs: 1000,
  connectTimeoutMs: 1000,
});

describe('a plan', () => {
  const warned: string[] = [];
  const check = (wanted: LoadPlan) =>
    checkLimits(wanted, (message) => warned.push(message), { descriptors: 1024, ports: 500 });
  const refused = { code: 'TOO_MANY_CONNECTIONS', exitCode: 2 };

  it('is refused when it needs more descriptors than there are', async () => {
    const socket = { socketPath: '/run/web.sock' };
    await check(plan(954, socket));
    await expect(check(plan(955, socket))).rejects.toMatchObject({
      ...refused,
      hint: expect.stringContaining('--connections 954') as string,
    });
  });

  it('is refused when it needs more ports than there are for its addresses', async () => {
    await check(plan(500));
    await expect(check(plan(501))).rejects.toMatchObject(refused);
    await check(plan(900, { addresses: ['10.0.0.1', '10.0.0.2'] }));
    await check(plan(900, { host: 'web.example' }));
    expect(warned).toEqual([expect.stringContaining('900 connections to web.example need more ports')]);
  });

  it('is taken where this machine says nothing of limits', async () => {
    await checkLimits(plan(1e6), () => {}, { descriptors: undefined, ports: undefined });
  });
});

describe('the shortfall of a rate', () => {
  it('ends the run when it lasts for the window, and not before', () => {
    const watch = new ShortfallWatch(parseShortfall('10% for 5s'));
    // Of 100 a second, 95 are sent in the first ten seconds, then 80.
    let [due, sent] = [0, 0];
    const looks = [];
    for (let second = 0; second <= 20; second++) {
      looks.push(watch.look(second * 1000, due, sent));
      due += 100;
      sent += second < 10 ? 95 : 80;
    }
    const first = looks.findIndex((look) => look !== undefined);
    // The window before second 12 holds 3 × 95 + 2 × 80 of 500; the one before it 4 × 95 + 80.
    expect(first).toBe(12);
    expect(looks[first]).toBe('11% of what was due within 5s was not sent');
  });

  it('is not one where nothing was due', () => {
    const watch = new ShortfallWatch({ share: 0.1, windowMs: 1000 });
    expect([0, 1000, 2000, 3000].map((at) => watch.look(at, 10, 5))).toEqual(Array(4).fill(undefined));
  });
});

describe('trace ids', () => {
  it('are all different, and valid', () => {
    const [one, other] = [new TraceIds(), new TraceIds()];
    const ids = Array.from({ length: 10_000 }, () => [one.next(), other.next()]).flat();
    expect(new Set(ids).size).toBe(20_000);
    for (const id of ids)
      expect(traceparentOf(id)).toMatch(/^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-01$/);
  });
});

describe('--resolve', () => {
  it('takes names and addresses of both families', () => {
    const host = fc.oneof(fc.domain(), fc.ipV4(), fc.ipV6());
    const bracketed = (text: string) => (text.includes(':') ? `[${text}]` : text);
    const address = fc.oneof(fc.ipV4(), fc.ipV6());
    fc.assert(
      fc.property(
        host,
        fc.integer({ min: 1, max: 65_535 }),
        fc.array(address, { minLength: 1, maxLength: 4 }),
        (name, port, addresses) => {
          const text = `${bracketed(name)}:${port}:${addresses.map(bracketed).join(',')}`;
          expect(parseResolve(text)).toEqual({ host: name.toLowerCase(), port, addresses });
        },
      ),
    );
  });

  it.each([
    'web',
    'web:80',
    'web:0:10.0.0.1',
    'web:80:',
    'web:80:db',
    'web:99999:10.0.0.1',
    '::1:80:10.0.0.1',
  ])('refuses %j', (text) => expect(() => parseResolve(text)).toThrow(/^'/));
});
