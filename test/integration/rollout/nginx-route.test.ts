import { execFile } from 'node:child_process';
import {
  chmod,
  chown,
  mkdir,
  readFile,
  readdir,
  rename,
  stat,
  symlink,
  unlink,
  writeFile,
} from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';

import { systemClock } from '../../../src/lib/core/clock.js';
import { openFileProvider } from '../../../src/lib/rollout/providers/files/open.js';
import type { Weights } from '../../../src/lib/rollout/route.js';
import { needs } from '../../servers/needs.js';
import { ask, firstBlock, stageNginx, type NginxStage } from './nginx-setup.js';

const { signal } = new AbortController();
const weights = (canary: number): Weights => ({ stable: 100 - canary, canary });

needs('nginx')('weights in a file of NGINX', () => {
  let stage: NginxStage;
  /** Everything in the folder that is not NGINX's own. */
  const files = async (): Promise<Record<string, string>> => {
    const names = (await readdir(stage.nginx.directory)).filter((name) => /web|other|conf/.test(name));
    const { directory } = stage.nginx;
    const contents = names.map(async (name) => [
      name,
      await readFile(join(directory, name), 'utf8').catch(String),
    ]);
    return Object.fromEntries((await Promise.all(contents)) as [string, string][]);
  };
  const unchangedBy = async (work: () => Promise<unknown>): Promise<void> => {
    const before = await files();
    const { ino, mtimeMs } = await stat(stage.file);
    await work();
    expect(await files()).toEqual(before);
    expect(await stat(stage.file)).toMatchObject({ ino, mtimeMs });
  };

  beforeAll(async () => {
    stage = await stageNginx();
  });
  afterAll(() => stage?.stop());
  beforeEach(async () => {
    const view = await stage.route.read(signal);
    await stage.route.commit(view, { weights: weights(0), state: '{"at":0}' }, signal);
  });
  afterEach(() => writeFile(join(stage.nginx.directory, 'other.conf'), '# nothing\n'));

  test('are what NGINX serves as soon as the commit is over', async () => {
    const { route, nginx } = stage;
    expect(await ask(nginx.url, 50)).toEqual({ v1: 50 });
    const view = await route.commit(
      await route.read(signal),
      { weights: weights(100), state: '{"at":100}' },
      signal,
    );
    expect(await ask(nginx.url, 50)).toEqual({ v2: 50 });
    expect(view).toMatchObject({ weights: weights(100), state: '{"at":100}', unfinished: false });
    expect(await route.read(signal)).toEqual(view);
  });

  test('change nothing else, and leave nothing but state', async () => {
    const { route, file } = stage;
    await chmod(file, 0o640);
    await chown(file, process.getuid!(), process.getgid!());
    let view = await route.read(signal);
    for (const canary of [10, 100, 33, 0])
      view = await route.commit(view, { weights: weights(canary), state: '{}' }, signal);
    expect(await readFile(file, 'utf8')).toBe(firstBlock);
    expect((await stat(file)).mode & 0o777).toBe(0o640);
    expect(Object.keys(await files()).sort()).toEqual([
      '.web.conf.metrify.json',
      'nginx.conf',
      'other.conf',
      'web.conf',
    ]);
  });

  test('stay when only the state changes, and nothing is reloaded', async () => {
    const { route, nginx, file } = stage;
    const { ino } = await stat(file);
    const workers = await readFile(`/proc/${nginx.pid}/task/${nginx.pid}/children`, 'utf8');
    const view = await route.read(signal);
    const next = await route.commit(view, { weights: undefined, state: '{"at":1}' }, signal);
    expect(next).toMatchObject({ weights: weights(0), state: '{"at":1}' });
    expect((await stat(file)).ino).toBe(ino);
    expect(await readFile(`/proc/${nginx.pid}/task/${nginx.pid}/children`, 'utf8')).toBe(workers);
  });

  test('are described exactly as they are written', async () => {
    const { route, file } = stage;
    const view = await route.read(signal);
    const commit = { weights: weights(25), state: '{"at":25}' };
    const changes = route.describe(view, commit);
    await route.commit(view, commit, signal);
    expect(changes.map(({ object }) => basename(object))).toEqual(['web.conf', '.web.conf.metrify.json']);
    for (const { object, patch } of changes) expect(await readFile(object, 'utf8')).toBe(patch);
    expect(changes[0]!.object).toBe(file);
  });

  test('of a file that a link names are changed in that file', async () => {
    const { nginx, file } = stage;
    const link = join(nginx.directory, 'linked');
    await symlink('web.conf', link);
    const route = await stage.another({ route: link });
    await route.commit(await route.read(signal), { weights: weights(5), state: '{}' }, signal);
    expect((await stage.route.read(signal)).weights).toEqual(weights(5));
    expect((await stat(link)).ino).toBe((await stat(file)).ino);
    await unlink(link);
  });

  test('of a folder that is included whole: what lies beside is no configuration', async () => {
    const { nginx, file } = stage;
    const folder = join(nginx.directory, 'sites.conf.d');
    await mkdir(folder);
    await rename(file, join(folder, 'web'));
    await writeFile(file, '');
    try {
      const route = await stage.another({ route: join(folder, 'web') });
      const view = await route.commit(
        await route.read(signal),
        { weights: weights(100), state: '{}' },
        signal,
      );
      expect(await ask(nginx.url, 20)).toEqual({ v2: 20 });
      await route.commit(view, { weights: weights(0), state: '{}' }, signal);
      expect(await ask(nginx.url, 20)).toEqual({ v1: 20 });
    } finally {
      await rename(join(folder, 'web'), file);
    }
  });

  test('are refused when the configuration is broken elsewhere: nothing changes', async () => {
    const { route, nginx } = stage;
    await writeFile(join(nginx.directory, 'other.conf'), 'frobnicate on;\n');
    const view = await route.read(signal);
    await unchangedBy(() =>
      expect(route.commit(view, { weights: weights(50), state: '{"at":50}' }, signal)).rejects.toMatchObject({
        exitCode: 5,
        code: 'NGINX_REFUSED',
        message: expect.stringMatching(/unknown directive "frobnicate" in .*other\.conf:1/),
      }),
    );
    expect(await ask(nginx.url, 20)).toEqual({ v1: 20 });
  });

  test('go back when NGINX takes the file in a test and not in the reload', async () => {
    const { nginx } = stage;
    // A port that another server has: `nginx -t` passes over it.
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as AddressInfo;
    await writeFile(join(nginx.directory, 'other.conf'), `server { listen 127.0.0.1:${port}; }\n`);
    const { route } = await openFileProvider(stage.spec, { clock: systemClock, requestTimeoutMs: 4000 });
    const view = await route.read(signal);
    await unchangedBy(() =>
      expect(route.commit(view, { weights: weights(50), state: '{"at":50}' }, signal)).rejects.toMatchObject({
        exitCode: 5,
        name: 'ServiceUnavailable',
        code: 'NGINX_NOT_RELOADED',
        message: expect.stringMatching(/after the reload; the old configuration is back$/),
      }),
    );
    await new Promise((resolve) => other.close(resolve));
    expect(await ask(nginx.url, 20)).toEqual({ v1: 20 });
    await writeFile(join(nginx.directory, 'other.conf'), '# nothing\n');
    await route.commit(view, { weights: weights(100), state: '{}' }, signal);
    expect(await ask(nginx.url, 20)).toEqual({ v2: 20 });
  });

  test('are refused without a running master: nothing changes', async () => {
    const { route, nginx } = stage;
    const pidFile = join(nginx.directory, 'nginx.pid');
    const pid = await readFile(pidFile);
    const view = await route.read(signal);
    const commit = () => route.commit(view, { weights: weights(50), state: '{}' }, signal);
    for (const content of [undefined, '', '4194304\n']) {
      await (content === undefined ? unlink(pidFile) : writeFile(pidFile, content));
      await unchangedBy(() =>
        expect(commit()).rejects.toMatchObject({ exitCode: 5, code: 'NGINX_NOT_RUNNING' }),
      );
    }
    await writeFile(pidFile, pid);
    await commit();
  });

  test('are refused when NGINX does not include the file, or is not installed', async () => {
    const { nginx } = stage;
    const stray = join(nginx.directory, 'stray-web');
    await writeFile(stray, firstBlock);
    const route = await stage.another({ route: stray });
    await unchangedBy(async () =>
      expect(
        route.commit(await route.read(signal), { weights: weights(50), state: '{}' }, signal),
      ).rejects.toMatchObject({ exitCode: 2, code: 'ROUTE_NOT_INCLUDED' }),
    );
    await unlink(stray);
    const lost = await stage.another({ nginx: { config: nginx.config, binary: 'no-such-nginx' } });
    await expect(
      lost.commit(await lost.read(signal), { weights: weights(50), state: '{}' }, signal),
    ).rejects.toMatchObject({ exitCode: 5, code: 'NGINX_NOT_FOUND' });
    await expect(stage.another({ route: join(nginx.directory, 'nowhere') })).rejects.toMatchObject({
      code: 'ROUTE_NOT_FOUND',
    });
  });

  test('that somebody else changed meanwhile are a conflict; other lines are not', async () => {
    const { route, file } = stage;
    const view = await route.read(signal);
    await writeFile(file, firstBlock.replace('# 0%   v2', '7%   v2'));
    await expect(route.commit(view, { weights: weights(50), state: '{}' }, signal)).rejects.toMatchObject({
      exitCode: 4,
    });
    expect((await route.read(signal)).weights).toEqual(weights(7));
    await writeFile(file, `# a line more\n${firstBlock}`);
    await route.commit(view, { weights: weights(50), state: '{}' }, signal);
    expect(await readFile(file, 'utf8')).toMatch(/^# a line more\n# Weights/);
    await route.commit(await route.read(signal), { weights: weights(0), state: '{"at":0}' }, signal);
    await writeFile(file, firstBlock);
  });

  test('two writers at once: one conflicts, and the other one gets what it asked for', async () => {
    for (let round = 0; round < 4; round++) {
      const routes = [stage.route, await stage.another()];
      const view = await stage.route.read(signal);
      const asked = [20 + round, 60 + round];
      const outcomes = await Promise.allSettled(
        routes.map((route, index) =>
          route.commit(view, { weights: weights(asked[index]!), state: `{"at":${asked[index]}}` }, signal),
        ),
      );
      const won = outcomes.findIndex(({ status }) => status === 'fulfilled');
      const lost = outcomes[1 - won] as PromiseRejectedResult;
      expect(lost.status).toBe('rejected');
      expect(lost.reason).toMatchObject({ exitCode: 4 });
      expect(await stage.route.read(signal)).toMatchObject({
        weights: weights(asked[won]!),
        state: `{"at":${asked[won]}}`,
      });
    }
  });
});

needs('nginx', 'root')('a disk that takes nothing', () => {
  const run = promisify(execFile);
  let stage: NginxStage;
  let mounted: string;

  beforeAll(async () => {
    stage = await stageNginx();
    mounted = join(stage.nginx.directory, 'small.conf.d');
    await mkdir(mounted);
    await run('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', mounted]);
    await writeFile(stage.file, '');
    await writeFile(join(mounted, 'web'), firstBlock);
  });
  afterAll(async () => {
    await run('umount', [mounted]).catch(() => undefined);
    await stage?.stop();
  });

  test.each([
    [
      'full',
      async () => writeFile(join(mounted, 'filler'), Buffer.alloc(1 << 20)).catch(() => undefined),
      /disk is full/,
    ],
    ['read-only', () => run('mount', ['-o', 'remount,ro', mounted]), /read-only/],
  ])('%s: a clear error, and nothing changes', async (_, make, message) => {
    const route = await stage.another({ route: join(mounted, 'web') });
    const view = await route.commit(await route.read(signal), { weights: weights(10), state: '{}' }, signal);
    const before = (await readdir(mounted)).filter((name) => name !== 'filler');
    const content = await readFile(join(mounted, 'web'), 'utf8');
    await make();
    const write = (change: Weights | undefined) =>
      route.commit(view, { weights: change, state: '{"a":1}' }, signal);
    for (const change of [weights(20), undefined])
      await expect(write(change)).rejects.toMatchObject({
        exitCode: 5,
        message: expect.stringMatching(message),
      });
    expect((await readdir(mounted)).filter((name) => name !== 'filler')).toEqual(before);
    expect(await readFile(join(mounted, 'web'), 'utf8')).toBe(content);
    expect(await route.read(signal)).toEqual(view);
    if (message.source.includes('full')) await unlink(join(mounted, 'filler'));
  });
});
