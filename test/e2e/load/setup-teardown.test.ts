import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { LoadResult } from '../../../src/lib/load/result.js';
import { freePort } from '../../servers/ports.js';
import { metrify, startMetrify } from '../run.js';
import { service } from './scenario-service.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'scenario-'));
});
afterAll(() => rm(folder, { recursive: true }));

describe('a scenario with setup and teardown', () => {
  it('stopped by Ctrl-C, runs teardown and gives the result of what ran', async () => {
    let seen: () => void;
    const enough = new Promise<void>((resolve) => (seen = resolve));
    const { all, target } = await service((_, response) => {
      response.end('{}');
      if (all.length === 20) seen();
    });
    await writeFile(
      join(folder, 'load.yaml'),
      `target: ${target}
load: { rate: 50 }
duration: 1h
tasks: [{ name: a, steps: [get: /a] }]
teardown: [delete: /session]
`,
    );
    const running = await startMetrify(['load', 'run', 'load.yaml', '--json'], { cwd: folder });
    await enough;
    running.signal('SIGINT');
    const end = await running.finished;
    expect(end.code).toBe(130);
    expect(all.at(-1)).toMatchObject({ method: 'DELETE', path: '/session' });
    expect(end.json<{ result: LoadResult }>().result.sent).toBe(all.length - 1);
  });

  it('ends where setup fails: 5 where nothing answers, 2 where the answer is wrong', async () => {
    const { all, target } = await service((_, response) => void response.writeHead(403).end('no'));
    const yaml = (url: string) =>
      `target: ${url}\nload: { rate: 10 }\nsetup: [{ post: /login }]\ntasks: [{ name: a, steps: [get: /a] }]\n`;
    await writeFile(join(folder, 'load.yaml'), yaml(target));
    const refused = await metrify(['load', 'run', 'load.yaml'], { cwd: folder });
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain('setup: POST /login was answered with status 403');
    expect(all).toHaveLength(1);
    await writeFile(join(folder, 'load.yaml'), yaml(`http://127.0.0.1:${await freePort()}`));
    const down = await metrify(['load', 'run', 'load.yaml'], { cwd: folder });
    expect(down.code).toBe(5);
    expect(down.stderr).toContain('setup: POST /login was not answered: refused');
  });
});
