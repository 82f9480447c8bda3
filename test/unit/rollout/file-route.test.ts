import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { systemClock } from '../../../src/lib/core/clock.js';
import { FileLease } from '../../../src/lib/rollout/providers/files/file-lease.js';
import { type FileSpec, openFileProvider } from '../../../src/lib/rollout/providers/files/open.js';
import type { Route, Weights } from '../../../src/lib/rollout/route.js';
import { instants, killAfter } from '../../integration/rollout/kill-anywhere.js';

const { signal } = new AbortController();
const weights = (canary: number): Weights => ({ stable: 100 - canary, canary });
const version = (name: string) => ({ name, deployment: undefined, colour: undefined });
const content = `resources:
- name: web
  virtual_hosts:
  - routes:
    - route: {weighted_clusters: {clusters: [{name: v1, weight: 100}, {name: v2, weight: 0}]}}
`;

let folder: string;
let spec: FileSpec;
const open = async (): Promise<Route> =>
  (await openFileProvider(spec, { clock: systemClock, requestTimeoutMs: 1000 })).route;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'metrify-file-route-'));
  spec = {
    provider: 'envoy',
    route: join(folder, 'rds.yaml'),
    versions: { stable: version('v1'), canary: version('v2') },
    nginx: { config: undefined, binary: 'nginx' },
    // No server to be asked: the file alone.
    envoy: { admin: undefined },
  };
  await writeFile(spec.route, content);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe('a route that is a file', () => {
  it('has no state at first, then the one that was committed', async () => {
    const route = await open();
    const view = await route.read(signal);
    expect(view).toMatchObject({ weights: weights(0), state: undefined, unfinished: false });
    const next = await route.commit(view, { weights: weights(10), state: '{"a": 1.0}' }, signal);
    expect(next).toMatchObject({ weights: weights(10), state: '{"a": 1.0}' });
    expect(await (await open()).read(signal)).toEqual(next);
    await expect(route.commit(view, { weights: weights(20), state: '{}' }, signal)).rejects.toMatchObject({
      exitCode: 4,
    });
    expect((await readdir(folder)).sort()).toEqual(['.rds.yaml.metrify.json', 'rds.yaml']);
  });

  it('says that a change was begun, and finishes it with the next commit', async () => {
    const marker = join(folder, '.rds.yaml.metrify.applying');
    await writeFile(marker, JSON.stringify({ from: weights(0), to: weights(40), state: '{"to":40}' }));
    const route = await open();
    const view = await route.read(signal);
    expect(view).toMatchObject({ weights: weights(40), state: '{"to":40}', unfinished: true });
    expect(route.describe(view, { weights: undefined, state: '{}' })).toHaveLength(2);
    const next = await route.commit(view, { weights: undefined, state: '{"to":40,"seen":1}' }, signal);
    expect(next).toMatchObject({ weights: weights(40), state: '{"to":40,"seen":1}', unfinished: false });
    expect(await readFile(spec.route, 'utf8')).toContain('weight: 40');
  });

  it.each(['{}', 'x', '{"to":{"stable":9,"canary":200},"state":"{}"}', '{"to":{"stable":0,"canary":100}}'])(
    'believes no marker that metrify did not write: %s',
    async (text) => {
      await writeFile(join(folder, '.rds.yaml.metrify.applying'), text);
      expect(await (await open()).read(signal)).toMatchObject({
        weights: weights(0),
        state: undefined,
        unfinished: true,
      });
    },
  );

  it('does nothing any more when it was asked to stop before', async () => {
    const route = await open();
    const view = await route.read(signal);
    const stopped = AbortSignal.abort(new Error('stopped'));
    await expect(route.commit(view, { weights: weights(9), state: '{}' }, stopped)).rejects.toThrow(
      'stopped',
    );
    expect(await route.read(signal)).toEqual(view);
  });

  it('gives each of many writers at once all or nothing', async () => {
    const routes = await Promise.all(Array.from({ length: 6 }, open));
    const view = await routes[0]!.read(signal);
    const outcomes = await Promise.allSettled(
      routes.map((route, index) =>
        route.commit(view, { weights: weights(index + 1), state: `${index + 1}` }, signal),
      ),
    );
    const won = outcomes.flatMap(({ status }, index) => (status === 'fulfilled' ? [index + 1] : []));
    expect(won).toHaveLength(1);
    expect(await routes[0]!.read(signal)).toMatchObject({ weights: weights(won[0]!), state: String(won[0]) });
  });

  it('is understood after a process that changed it was killed at any instant', async () => {
    for (const ms of instants(10, 60)) {
      await killAfter(spec, ms);
      const route = await open();
      const left = await route.read(signal);
      if (left.state !== undefined) expect(JSON.parse(left.state)).toEqual({ weights: left.weights });
      const next = await route.commit(
        left,
        { weights: weights(0), state: JSON.stringify({ weights: weights(0) }) },
        signal,
      );
      expect(next).toMatchObject({ weights: weights(0), unfinished: false });
      expect(await readFile(spec.route, 'utf8')).toBe(content);
    }
    // A draft of a lock that was killed before it named its owner goes with a later lock.
    const left = (await readdir(folder)).filter((name) => !/\.lock\.[0-9a-f]{32}\.tmp$/.test(name));
    expect(left.sort()).toEqual(['.rds.yaml.metrify.json', 'rds.yaml']);
  });
});

describe('its lease', () => {
  const record = { holder: 'anna', acquiredAt: 1, renewedAt: 2, durationMs: 3, transitions: 0 };

  it('is written only by who has read it last', async () => {
    const { leases } = await open();
    expect(await leases.read(signal)).toEqual({ record: undefined, version: undefined });
    const first = await leases.write(record, undefined, signal);
    expect(await leases.read(signal)).toEqual({ record, version: first });
    await expect(leases.write(record, undefined, signal)).rejects.toMatchObject({ exitCode: 4 });
    const second = await leases.write({ ...record, holder: 'ben' }, first, signal);
    await expect(leases.write(record, first, signal)).rejects.toMatchObject({ exitCode: 4 });
    expect(await leases.read(signal)).toEqual({ record: { ...record, holder: 'ben' }, version: second });
    expect(Math.abs(leases.now() - Date.now())).toBeLessThan(10_000);
  });

  it('is given to one of many at once', async () => {
    const stores = (await Promise.all(Array.from({ length: 6 }, open))).map(({ leases }) => leases);
    const outcomes = await Promise.allSettled(
      stores.map((leases, index) => leases.write({ ...record, holder: `h${index}` }, undefined, signal)),
    );
    const won = outcomes.findIndex(({ status }) => status === 'fulfilled');
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect((await stores[0]!.read(signal)).record?.holder).toBe(`h${won}`);
  });

  it.each(['', 'x', '{"holder":7}', '{"holder":"x","acquiredAt":"now"}'])(
    'is nobody\u2019s when it says %j, and can be taken',
    async (text) => {
      const { leases } = await open();
      await writeFile(leases.name, text);
      const { record: none, version: found } = await leases.read(signal);
      expect(none).toBeUndefined();
      await leases.write(record, found, signal);
      expect((await leases.read(signal)).record).toEqual(record);
    },
  );
});

describe('the lease of a route that is a file', () => {
  const gone = spawnSync('true').pid;

  it.each([
    ['is nobody’s when its process is gone', { pid: gone }, ''],
    ['is nobody’s when its process’s number is another one’s by now', { startTime: '1' }, ''],
    ['stays held when its process runs', {}, 'ann'],
    ['stays held when its process is of another host', { pid: gone, bootId: 'of another host' }, 'ann'],
    ['stays held when it names its process in no way that metrify does', { pid: 'gone' }, 'ann'],
  ])('%s', async (_, edit, holder) => {
    const lease = new FileLease(spec.route, systemClock);
    const now = Date.now();
    const record = { holder: 'ann', acquiredAt: now, renewedAt: now, durationMs: 15_000, transitions: 0 };
    await lease.write(record, undefined, signal);
    const stored = JSON.parse(await readFile(lease.name, 'utf8')) as { process: object };
    await writeFile(lease.name, JSON.stringify({ ...stored, process: { ...stored.process, ...edit } }));
    expect((await lease.read()).record).toEqual({ ...record, holder });
  });

  it('stays held where it names no process, as those of earlier versions', async () => {
    const lease = new FileLease(spec.route, systemClock);
    const record = { holder: 'ann', acquiredAt: 1, renewedAt: 1, durationMs: 15_000, transitions: 0 };
    await writeFile(lease.name, JSON.stringify(record));
    expect((await lease.read()).record).toEqual(record);
  });
});
