import { expect, it } from 'vitest';

import type { Drift } from '../../../src/lib/load/soak/drift.js';
import type { SoakResult } from '../../../src/ui/load-soak.js';
import { metrify } from '../run.js';
import { knownServer } from './known-server.js';

async function soak(args: readonly string[]) {
  const { code, stderr, json } = await metrify(['load', 'soak', ...args, '--json']);
  expect(stderr).not.toContain('a bug in metrify');
  const { result, verdict } = json<{ result: SoakResult; verdict: string }>();
  const drift = new Map(result.drift.map((one) => [one.name, one]));
  return {
    code,
    verdict,
    verdictOf: (name: string): Drift['verdict'] | undefined => drift.get(name)?.verdict,
    drift,
  };
}

it('finds what rises: memory and descriptors of a process, latency, errors', async () => {
  const load = ['--rate', '40', '--duration', '13s'];
  const soakAll = async () => {
    // A process each: what one of them does must not show in the others.
    const [leaking, slowing, breaking] = await Promise.all([knownServer(), knownServer(), knownServer()]);
    return Promise.all([
      soak([`${leaking.url}/leak`, ...load, '--pid', String(leaking.pid)]),
      soak([`${slowing.url}/slower`, ...load]),
      soak([`${breaking.url}/failing`, ...load]),
    ]);
  };
  let [leak, slower, failing] = await soakAll();
  const isUnclear = () =>
    [
      ...['memory', 'descriptors', 'errors'].map(leak.verdictOf),
      ...['p50', 'p95'].map(slower.verdictOf),
      failing.verdictOf('errors'),
    ].includes('unclear');
  // Too little is known of a run during which the machine stalled.
  for (let tries = 0; tries < 4 && isUnclear(); tries++) [leak, slower, failing] = await soakAll();
  expect(leak).toMatchObject({ code: 3, verdict: 'failed' });
  expect(leak.verdictOf('memory')).toBe('rising');
  expect(leak.verdictOf('descriptors')).toBe('rising');
  expect(leak.verdictOf('errors')).toBe('steady');
  // 256 KiB of each of the 520 requests, but for the warm-up.
  const { rise } = leak.drift.get('memory')!;
  expect(rise! / 2 ** 20).toBeGreaterThan(60);
  expect(rise! / 2 ** 20).toBeLessThan(260);
  expect(slower).toMatchObject({ code: 3, verdict: 'failed' });
  expect([slower.verdictOf('p50'), slower.verdictOf('p95')]).toEqual(['rising', 'rising']);
  expect(failing.code).toBe(3);
  expect(failing.verdictOf('errors')).toBe('rising');
});

it('says unclear of a run that is too short', async () => {
  const { url } = await knownServer();
  const { code, verdict, verdictOf } = await soak([`${url}/after/5`, '--rate', '20', '--duration', '3s']);
  expect([code, verdict]).toEqual([7, 'inconclusive']);
  expect(verdictOf('p95')).toBe('unclear');
});

it.each([
  [['--pid', '4194304'], 'there is no process 4194304'],
  [['--prometheus-query', 'up'], 'no Prometheus is known to ask'],
])('refuses what it cannot watch before it sends anything: %s', async (args, message) => {
  const { url } = await knownServer();
  const { code, stderr } = await metrify([
    'load',
    'soak',
    `${url}/after/1`,
    '--rate',
    '5',
    '--duration',
    '1s',
    ...args,
  ]);
  expect(code).toBe(2);
  expect(stderr).toContain(message);
});
