import { readFile, rename, symlink, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';

import { systemClock } from '../../../src/lib/core/clock.js';
import { type FileSpec, openFileProvider } from '../../../src/lib/rollout/providers/files/open.js';
import type { Route, Weights } from '../../../src/lib/rollout/route.js';
import { startEnvoy, type EnvoyServer } from '../../servers/envoy.js';
import { needs } from '../../servers/needs.js';
import { startNginx, type NginxServer } from '../../servers/nginx.js';
import { freePort, until } from '../../servers/ports.js';
import { startTraffic } from '../../servers/traffic.js';
import { instants, killAfter } from './kill-anywhere.js';

const { signal } = new AbortController();
const weights = (canary: number): Weights => ({ stable: 100 - canary, canary });

needs('envoy', 'nginx')('weights in a route file of Envoy', () => {
  let backends: NginxServer[];
  let envoy: EnvoyServer;
  let spec: FileSpec;
  let route: Route;
  const open = async (changes: Partial<FileSpec> = {}, requestTimeoutMs = 30_000): Promise<Route> =>
    (await openFileProvider({ ...spec, ...changes }, { clock: systemClock, requestTimeoutMs })).route;
  const shift = async (canary: number, by = route) =>
    by.commit(await by.read(signal), { weights: weights(canary), state: JSON.stringify({ canary }) }, signal);

  beforeAll(async () => {
    backends = await Promise.all(
      ['v1', 'v2'].map((name) => startNginx({ server: `location / { return 200 "${name} here\\n"; }` })),
    );
    const [v1, v2] = backends.map(({ port }) => [`127.0.0.1:${port}`]) as [string[], string[]];
    envoy = await startEnvoy({ clusters: { v1, v2 }, weights: { v1: 100, v2: 0 } });
    const version = (name: string) => ({ name, deployment: undefined, colour: undefined });
    spec = {
      provider: 'envoy',
      route: envoy.routes,
      versions: { stable: version('v1'), canary: version('v2') },
      nginx: { config: undefined, binary: 'nginx' },
      envoy: { admin: envoy.admin },
    };
    route = await open();
  });
  afterAll(async () => {
    await Promise.all([envoy, ...(backends ?? [])].map((server) => server?.stop()));
  });
  beforeEach(() => shift(0));

  test('are what Envoy goes by as soon as the commit is over', async () => {
    for (const canary of [10, 12.5, 100, 100, 0]) {
      expect(await shift(canary)).toMatchObject({ weights: weights(canary), unfinished: false });
      const loaded = await envoy.weights();
      expect((loaded['v2']! / (loaded['v1']! + loaded['v2']!)) * 100).toBe(canary);
    }
  });

  test.each([
    ['refuses', '"domains":["*"]', '"domains":[]'],
    ['cannot read', '"prefix":"/"', '"prefix":"/","path":"/"'],
  ])('of a file that Envoy %s are taken back', async (_, right, wrong) => {
    const good = await readFile(envoy.routes, 'utf8');
    expect(good).toContain(right);
    const place = async (text: string): Promise<void> => {
      await writeFile(`${envoy.routes}.new`, text);
      await rename(`${envoy.routes}.new`, envoy.routes);
    };
    // Somebody else's mistake, which Envoy has not taken either.
    const bad = good.replace(right, wrong);
    await place(bad);
    try {
      const view = await route.read(signal);
      await expect(route.commit(view, { weights: weights(50), state: '{}' }, signal)).rejects.toMatchObject({
        exitCode: 5,
        code: 'ENVOY_REFUSED',
        message: expect.stringMatching(/old configuration is back$/),
      });
      expect(await readFile(envoy.routes, 'utf8')).toBe(bad);
      expect(await route.read(signal)).toEqual(view);
      expect(await envoy.weights()).toEqual({ v1: 100, v2: 0 });
    } finally {
      await place(good);
    }
    await shift(30);
    expect(await envoy.weights()).toEqual({ v1: 70, v2: 30 });
  });

  test('change nothing when Envoy cannot be asked, has no such routes, or no such cluster', async () => {
    const before = await readFile(envoy.routes, 'utf8');
    const away = await open({ envoy: { admin: `http://127.0.0.1:${await freePort()}` } });
    await expect(shift(50, away)).rejects.toMatchObject({
      exitCode: 5,
      message: expect.stringMatching(/cannot be reached/),
    });
    const stray = join(envoy.directory, 'stray.json');
    await writeFile(stray, before.replace('"name":"local_route"', '"name":"stray"'));
    await expect(shift(50, await open({ route: stray }))).rejects.toMatchObject({
      code: 'ROUTE_NOT_INCLUDED',
    });
    const changed = before.replaceAll('"v2"', '"v3"');
    await writeFile(stray, changed);
    const versions = { ...spec.versions, canary: { ...spec.versions.canary, name: 'v3' } };
    await expect(shift(50, await open({ route: stray, versions }))).rejects.toMatchObject({
      code: 'ENVOY_WITHOUT_CLUSTER',
      message: expect.stringMatching(/no cluster 'v3'/),
    });
    expect(await readFile(stray, 'utf8')).toBe(changed);
    expect(await readFile(envoy.routes, 'utf8')).toBe(before);
  });

  test('in a file that Envoy does not watch are taken back', async () => {
    const copy = join(envoy.directory, 'copy.json');
    await writeFile(copy, await readFile(envoy.routes));
    const before = await readFile(copy, 'utf8');
    await expect(shift(50, await open({ route: copy }, 4000))).rejects.toMatchObject({
      exitCode: 5,
      code: 'ENVOY_NOT_RELOADED',
    });
    expect(await readFile(copy, 'utf8')).toBe(before);
    expect(await envoy.weights()).toEqual({ v1: 100, v2: 0 });
  });

  test('of a file that a link names are changed in that file', async () => {
    const link = join(envoy.directory, 'link.json');
    await symlink(envoy.routes, link);
    await shift(20, await open({ route: link }));
    expect(await envoy.weights()).toEqual({ v1: 80, v2: 20 });
    await unlink(link);
  });

  test('reach what was asked for after a kill at any instant', async () => {
    for (const [index, ms] of [...instants(10, 400)].entries()) {
      await killAfter(spec, ms);
      const left = await route.read(signal);
      if (left.state?.includes('weights')) expect(JSON.parse(left.state)).toEqual({ weights: left.weights });
      const canary = index % 2 === 0 ? 60 : 5;
      await route.commit(
        left,
        { weights: weights(canary), state: JSON.stringify({ weights: weights(canary) }) },
        signal,
      );
      expect(await envoy.weights()).toEqual({ v1: 100 - canary, v2: canary });
    }
  });

  test('are the shares of the traffic, within a point', async () => {
    // A share of 5 % of 10,000 is off by a point once in 200,000 times; one of 50 % would be once in 20.
    for (const canary of [5, 97]) {
      await shift(canary);
      const traffic = await startTraffic({ url: `${envoy.url}/`, rate: 1000, durationMs: 10_000 });
      const report = await traffic.finished;
      expect(report).toMatchObject({ failed: 0, failures: {} });
      expect(report.sent).toBeGreaterThanOrEqual(9_900);
      expect(Math.abs((report.versions['v2']! / report.sent) * 100 - canary)).toBeLessThan(1);
    }
  });

  test('are switched 20 times without a lost request', async () => {
    const traffic = await startTraffic({ url: `${envoy.url}/`, rate: 500 });
    for (let index = 0; index < 20; index++) {
      const canary = index % 2 === 0 ? 100 : 0;
      await shift(canary);
      const arrived = async () => (await traffic.snapshot()).versions[canary === 100 ? 'v2' : 'v1'] ?? 0;
      const before = await arrived();
      await until('traffic follows', async () => (await arrived()) >= before + 100);
    }
    const report = await traffic.stop();
    expect(report).toMatchObject({ failed: 0, failures: {}, outstanding: 0 });
    expect(report.statuses).toEqual({ 200: report.sent });
    expect(Math.min(report.versions['v1']!, report.versions['v2']!)).toBeGreaterThanOrEqual(1000);
    process.stdout.write(`${report.sent} requests over 20 switches, ${report.retried} sent again\n`);
  });
});
