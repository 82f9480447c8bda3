import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterEach, beforeEach, expect, it } from 'vitest';
import { parse } from 'yaml';

import { temporaryDirectory, type TemporaryDirectory } from '../../servers/process.js';
import { metrify } from '../run.js';

let folder: TemporaryDirectory;
beforeEach(async () => {
  folder = await temporaryDirectory('init');
});
afterEach(() => folder.remove());

const path = () => join(folder.path, 'metrify.config.yaml');
const env = {
  METRIFY_REDIS_URL: 'redis://u:hunter2@cache.internal:6379/3',
  METRIFY_REDIS_TLS_VERIFY: 'false',
  METRIFY_MEMCACHED_SERVERS: '10.0.0.1:11211, 10.0.0.2:11211',
  METRIFY_PROMETHEUS_URL: 'http://prometheus.internal:9090',
};

it('writes what the variables say, secrets as references, and the file is right', async () => {
  const done = await metrify(['init', '--json'], { cwd: folder.path, env });
  expect(done.code, done.stderr).toBe(0);
  const text = readFileSync(path(), 'utf8');
  expect(text).not.toContain('hunter2');
  expect(statSync(path()).mode & 0o777).toBe(0o600);
  const { environments } = parse(text) as { environments: Record<string, Record<string, unknown>> };
  expect(environments['default']).toMatchObject({
    redis: { url: { env: 'METRIFY_REDIS_URL' }, tlsVerify: false },
    memcached: { servers: ['10.0.0.1:11211', '10.0.0.2:11211'] },
    prometheus: { url: { env: 'METRIFY_PROMETHEUS_URL' } },
  });
  const checked = await metrify(['config', 'check', '-e', 'default'], { cwd: folder.path, env });
  expect(checked.code, checked.stderr).toBe(0);
  const shown = await metrify(['config', 'show', '--json', '-e', 'default'], { cwd: folder.path, env });
  expect(shown.json().result.settings).toContainEqual(
    expect.objectContaining({ path: 'redis.url', via: 'variable METRIFY_REDIS_URL' }),
  );
});

it('is right without any variable as well', async () => {
  const done = await metrify(['init'], { cwd: folder.path });
  expect(done.code, done.stderr).toBe(0);
  const checked = await metrify(['config', 'check'], { cwd: folder.path });
  expect(checked.code, checked.stderr).toBe(0);
});

it('never overwrites a file: exit 4', async () => {
  writeFileSync(path(), 'mine');
  const refused = await metrify(['init'], { cwd: folder.path, env });
  expect(refused.code).toBe(4);
  expect(refused.stderr).toContain('is not overwritten');
  expect(readFileSync(path(), 'utf8')).toBe('mine');
  const elsewhere = await metrify(['init', '--to', 'other.yaml'], { cwd: folder.path, env });
  expect(elsewhere.code, elsewhere.stderr).toBe(0);
});

it('writes nothing in a dry run, and shows it', async () => {
  const shown = await metrify(['init', '--dry-run'], { cwd: folder.path, env });
  expect(shown.code).toBe(0);
  expect(shown.stdout).toContain('url: { env: METRIFY_REDIS_URL }');
  expect(() => statSync(path())).toThrow('ENOENT');
});

it('of a rollout, config check -f checks the description alone', async () => {
  const file = join(folder.path, 'rollout.yaml');
  const good =
    'app: web\nprovider: istio\nroute: web\nstable: { name: v1, deployment: a }\ncanary: { name: v2, deployment: b }\n';
  writeFileSync(file, good);
  const right = await metrify(['config', 'check', '-f', file], { cwd: folder.path });
  expect(right.code, right.stderr).toBe(0);
  expect(right.stdout).toContain('describes a rollout');
  for (const [wrong, said] of [
    ['interval: 5\n', "rollout.yaml:6:11: '5' is not a duration"],
    [
      'smoke: [{ url: "http://h/", bodyContains: 200 }]\n',
      'rollout.yaml:6:43: must be text: write it in quotes',
    ],
    ['smoke: [{ url: "http://h/", headers: { X-Canary: 1 } }]\n', 'rollout.yaml:6:50: must be text'],
    ['smoke: [{ url: { env: NOT_THERE } }]\n', 'refers to the environment variable NOT_THERE'],
    ['steps: [50, 10]\n', 'steps ascend'],
    ['stepz: [50]\n', "unknown setting 'stepz'; did you mean 'steps'?"],
  ] as const) {
    writeFileSync(file, `${good}${wrong}`);
    const refused = await metrify(['config', 'check', '-f', file], { cwd: folder.path });
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain(said);
  }
});
