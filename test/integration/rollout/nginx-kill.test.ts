import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { needs } from '../../servers/needs.js';
import { instants, killAfter } from './kill-anywhere.js';
import { ask, stageNginx, type NginxStage } from './nginx-setup.js';

const { signal } = new AbortController();
const run = promisify(execFile);

needs('nginx')('a process that shifts traffic of NGINX', () => {
  let stage: NginxStage;
  beforeAll(async () => {
    stage = await stageNginx();
  });
  afterAll(() => stage?.stop());

  test('may be killed at any instant: what it left is understood, and the next commit gets what it asks for', async () => {
    const { spec, nginx } = stage;
    let unfinished = 0;
    let index = 0;
    for (const ms of instants(300, 600)) {
      // Otherwise none of them was killed at work.
      if (index >= 30 && unfinished > 5) break;
      index++;
      await killAfter(spec, ms);
      const route = await stage.another();
      const left = await route.read(signal);
      if (left.unfinished) unfinished++;
      // Weights and state were asked for together.
      if (left.state !== undefined) expect(JSON.parse(left.state)).toMatchObject({ weights: left.weights });
      await run('nginx', ['-t', '-q', '-c', nginx.config, '-e', `${nginx.directory}/error.log`], {
        env: { PATH: `${process.env['PATH']}:/usr/sbin` },
      });
      const canary = index % 2 === 0 ? 100 : 0;
      const weights = { stable: 100 - canary, canary };
      const view = await route.commit(left, { weights, state: JSON.stringify({ weights }) }, signal);
      expect(view).toMatchObject({ weights, unfinished: false });
      expect(await ask(nginx.url, 20)).toEqual(canary === 100 ? { v2: 20 } : { v1: 20 });
    }
    expect(unfinished).toBeGreaterThan(5);
    const names = await readdir(nginx.directory);
    // A draft of a lock that was killed before it named its owner goes with a later lock.
    const own = names.filter((name) => name.includes('metrify') && !/\.lock\.[0-9a-f]{32}\.tmp$/.test(name));
    expect(own).toEqual(['.web.conf.metrify.json']);
  });
});
