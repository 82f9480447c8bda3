import { execFileSync } from 'node:child_process';
import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, expect, it } from 'vitest';

import { needs } from '../../servers/needs.js';
import { freePort } from '../../servers/ports.js';
import { redisCli } from '../../servers/redis.js';
import { ownRedis } from '../../servers/shared.js';
import { metrify } from '../run.js';

let folder: string;
let file: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'metrify-reports-'));
  file = join(folder, 'run.prom');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** The samples by their name and labels, as Prometheus would read them. */
function samples(): Record<string, number> {
  const lines = readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  return Object.fromEntries(
    lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ')))]),
  );
}

it('--metrics-file tells of a success', async () => {
  const before = Date.now() / 1000;
  const { code } = await metrify(['config', 'show', '--metrics-file', file, '--job', 'nightly']);
  const after = Date.now() / 1000;
  expect(code).toBe(0);
  const labels = '{command="config.show",job="nightly"}';
  const found = samples();
  expect(found[`metrify_run_success${labels}`]).toBe(1);
  expect(found[`metrify_run_duration_seconds${labels}`]).toBeGreaterThan(0);
  expect(found[`metrify_run_duration_seconds${labels}`]).toBeLessThanOrEqual(after - before);
  expect(found[`metrify_run_timestamp_seconds${labels}`]).toBeGreaterThanOrEqual(before);
  expect(found[`metrify_run_timestamp_seconds${labels}`]).toBeLessThanOrEqual(after);
  expect(readdirSync(folder)).toEqual(['run.prom']);
  // The node exporter runs as another user.
  expect(statSync(file).mode & 0o777).toBe(0o644);
});

it('--metrics-file tells of a failure, and the job is named after the lock', async () => {
  const lock = `metrify-reports-${process.pid}`;
  const { code } = await metrify(['cache', 'get', 'k', '--metrics-file', file, '--lock', lock], {
    env: { METRIFY_REDIS_URL: `redis://127.0.0.1:${await freePort()}` },
  });
  expect(code).toBe(5);
  expect(samples()[`metrify_run_success{command="cache.get",job="${lock}"}`]).toBe(0);
});

needs('redis', 'promtool')('the metrics of a warm', () => {
  it('count its items, and are what promtool takes', async () => {
    const { url } = await ownRedis();
    const job = 'a "quoted" \\ job';
    const { code } = await metrify(
      ['cache', 'warm', '--stdin', '--key', 'k:{id}', '--metrics-file', file, '--job', job],
      { env: { METRIFY_REDIS_URL: url }, stdin: '{"id":1}\n{"id":2}\n{broken\n' },
    );
    expect(code).toBe(6);
    const found = Object.entries(samples());
    const items = Object.fromEntries(
      found.flatMap(([name, value]) => {
        const kind = /^metrify_run_items\{.*kind="(\w+)"/.exec(name)?.[1];
        return kind ? [[kind, value]] : [];
      }),
    );
    expect(items).toMatchObject({ written: 2, failed: 1 });
    expect(found.find(([name]) => name.startsWith('metrify_run_success'))![1]).toBe(0);
    expect(
      execFileSync('promtool', ['check', 'metrics'], { input: readFileSync(file), encoding: 'utf8' }),
    ).toBe('');
  });
});

needs('root')('--metrics-file on a full disk', () => {
  it('keeps the old file, leaves no other, and says so with exit 5, even with --quiet', async () => {
    const disk = join(folder, 'disk');
    mkdirSync(disk);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=16k', 'tmpfs', disk]);
    try {
      file = join(disk, 'run.prom');
      writeFileSync(file, 'old 1\n');
      expect(() => writeFileSync(join(disk, 'filler'), Buffer.alloc(1 << 20))).toThrow(/ENOSPC/);
      for (const flags of [[], ['--quiet']]) {
        const argv = ['config', 'show', '--metrics-file', file, ...flags];
        const { code, stderr, stdout } = await metrify(argv);
        expect(code).toBe(5);
        expect(stderr).toMatch(/^error: the metrics file was not written, and is as it was: .*ENOSPC/);
        expect(stdout.includes('requestTimeout')).toBe(flags.length === 0);
      }
      expect(readFileSync(file, 'utf8')).toBe('old 1\n');
      expect(readdirSync(disk).sort()).toEqual(['filler', 'run.prom']);
      const json = await metrify(['config', 'show', '--metrics-file', file, '--json']);
      expect(json.json()).toMatchObject({ verdict: 'error', exitCode: 5 });
      expect(json.json().warnings).toEqual([expect.stringContaining('ENOSPC')]);
      expect(JSON.parse(json.stderr)).toMatchObject({ error: { code: 'NOT_WRITTEN' } });
      rmSync(join(disk, 'filler'));
      expect((await metrify(['config', 'show', '--metrics-file', file])).stderr).toBe('');
      expect(readFileSync(file, 'utf8')).toContain('metrify_run_success');
    } finally {
      execFileSync('umount', [disk]);
    }
  });
});

needs('redis')('a report that cannot be written', () => {
  it.each([
    ['--metrics-file', 'no/such/folder/run.prom', 'its folder does not exist'],
    ['--junit', 'no/such/folder/run.xml', 'its folder does not exist'],
    ['--metrics-file', '.', 'it is a directory'],
  ])('is refused before anything is changed, even with --quiet: %s %s', async (flag, name, why) => {
    const { url, port, database } = await ownRedis();
    const path = join(folder, name);
    const { code, stdout, stderr } = await metrify(
      ['cache', 'warm', '--stdin', '--key', 'k:{id}', '--quiet', flag, path],
      { env: { METRIFY_REDIS_URL: url }, stdin: '{"id":1}\n' },
    );
    expect({ code, stdout }, stderr).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(`error: ${flag} ${path} cannot be written: ${why}\n`);
    expect(await redisCli(port, ['-n', String(database), 'DBSIZE'])).toBe('0');
  });

  it('is written where a link leads, and the link stays', async () => {
    symlinkSync(join(folder, 'target.prom'), join(folder, 'link.prom'));
    writeFileSync(join(folder, 'target.prom'), 'old 1\n');
    expect((await metrify(['config', 'show', '--metrics-file', join(folder, 'link.prom')])).code).toBe(0);
    expect(readFileSync(join(folder, 'target.prom'), 'utf8')).toContain('metrify_run_success');
    expect(lstatSync(join(folder, 'link.prom')).isSymbolicLink()).toBe(true);
  });
});

needs('redis', 'python3')('--junit', () => {
  it('has a test case for each system that doctor asked', async () => {
    const { url } = await ownRedis();
    const down = await freePort();
    const path = join(folder, 'doctor.xml');
    const { code } = await metrify(['doctor', '--junit', path], {
      env: { METRIFY_REDIS_URL: url, METRIFY_MEMCACHED_SERVERS: `127.0.0.1:${down}` },
    });
    expect(code).toBe(3);
    const read = `import sys, json, xml.etree.ElementTree as e
print(json.dumps([[c.get("name"), len(c.findall("failure"))] for c in e.parse(sys.argv[1]).iter("testcase")]))`;
    const cases: unknown = JSON.parse(execFileSync('python3', ['-c', read, path], { encoding: 'utf8' }));
    expect(cases).toEqual([
      [expect.stringMatching(/^Redis at 127\.0\.0\.1:/), 0],
      [`Memcached at 127.0.0.1:${down}`, 1],
    ]);
  });
});
