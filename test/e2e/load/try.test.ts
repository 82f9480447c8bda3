import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { freePort } from '../../servers/ports.js';
import { metrify } from '../run.js';
import { service } from './scenario-service.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'scenario-'));
});
afterAll(() => rm(folder, { recursive: true }));

const tryOnce = async (yaml: string, ...args: string[]) => {
  await writeFile(join(folder, 'load.yaml'), yaml);
  return metrify(['load', 'try', 'load.yaml', ...args], { cwd: folder });
};

describe('load try', () => {
  it('shows each request and answer of one pass, and what failed and why', async () => {
    const { all, target } = await service((got, response) => {
      response.setHeader('X-Token', 'hidden-token-1');
      response.end(
        got.path === '/login'
          ? '{"token": "secret-4711"}'
          : `{"state": "bad", "long": "${'x'.repeat(3000)}"}`,
      );
    });
    const end = await tryOnce(`target: ${target}
load: { users: 100 }
wait: 1h
headers: { Authorization: 'Bearer {token}' }
setup: [{ post: /login, capture: { token: { json: $.token } } }]
tasks:
  - name: never
    weight: 0
    steps: [{ get: '/never/{token}' }, { wait: 1h }, { get: /x, expect: { json: { $.state: ok } } }]
  - name: a
    steps: [{ get: /a, capture: { id: { json: $.id } } }, { get: '/{id}' }]
`);
    expect(end.code).toBe(3);
    expect(all.map(({ path }) => path)).toEqual(['/login', '/never/secret-4711', '/x', '/a']);
    expect(all[1]!.headers.authorization).toBe('Bearer secret-4711');
    expect(end.stdout).toContain(`> GET ${target}/never/***`);
    expect(end.stdout).toContain('$.state is "ok": it is "bad"');
    expect(end.stdout).toContain('captured id: it is not in the answer');
    expect(end.stdout).not.toMatch(/secret-4711|hidden-token/);
    expect(end.stdout.length).toBeLessThan(6000);
    const json = await tryOnce(await readFile(join(folder, 'load.yaml'), 'utf8'), '--json');
    expect(json.stdout).not.toMatch(/secret-4711|hidden-token/);
    expect(json.json().result.passes.map(({ name }: { name: string }) => name)).toEqual([
      'setup',
      'never',
      'a',
    ]);
  });

  it('exits 5 where nothing answers', async () => {
    const end = await tryOnce(
      `target: http://127.0.0.1:${await freePort()}\ntasks: [{ name: a, steps: [get: /a] }]\n`,
    );
    expect(end.code).toBe(5);
    expect(end.stderr).toContain('none of 1 requests was answered: refused');
  });
});

describe('load init', () => {
  it('writes a scenario that runs, and never overwrites one', async () => {
    const { all, target } = await service();
    const first = await metrify(['load', 'init', '--to', 'new.yaml'], { cwd: folder });
    expect(first.code).toBe(0);
    const yaml = await readFile(join(folder, 'new.yaml'), 'utf8');
    const again = await metrify(['load', 'init', '--to', 'new.yaml'], { cwd: folder });
    expect(again.code).toBe(4);
    expect(await readFile(join(folder, 'new.yaml'), 'utf8')).toBe(yaml);
    const end = await tryOnce(yaml.replace('http://127.0.0.1:8080', target));
    expect(end.code).toBe(0);
    expect(all.map(({ method, path }) => `${method} ${path.replace(/\?.*/, '')}`)).toEqual([
      'GET /api/v1/meter-readings',
      'POST /api/v1/meter-readings',
      'GET /api/v1/analytics/forecast',
    ]);
  });
});
