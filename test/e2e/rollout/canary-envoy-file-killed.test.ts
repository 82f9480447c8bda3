import { readdir } from 'node:fs/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { replayable } from '../../random.js';
import { until } from '../../servers/ports.js';
import type { Finished } from '../run.js';
import { CanaryDesk, failure } from './envoy-file.js';

const json = (finished: Finished) => finished.json();
let desk: CanaryDesk;
beforeAll(async () => void (desk = await CanaryDesk.open()));
afterAll(() => desk.close());
beforeEach(() => desk.reset());

describe('two operators', () => {
  it('are kept apart, until one takes over', async () => {
    await desk.slowly();
    const following = await desk.start('canary', 'start', '--wait', '--every', '300ms', '--json');
    await until('it follows', async () => (await desk.status()).phase === 'progressing');
    expect((await desk.status()).holder).toMatch(new RegExp(`\\(${following.pid}\\)$`));
    for (const verb of ['step', 'promote', 'abort', 'pause']) {
      const refused = await desk.canary(verb);
      expect(refused.code, verb).toBe(4);
      expect(failure(refused)).toMatchObject({
        code: 'LEASE_HELD',
        hint: expect.stringMatching(/--take-over/),
      });
    }
    expect(await desk.weight()).toBe(20);
    const taken = await desk.canary('promote', '--take-over');
    expect(taken.code, taken.stderr).toBe(0);
    const { code, stderr } = await following.finished;
    expect(code, stderr).toBe(4);
    expect(stderr).toMatch(/LEASE_LOST|took this rollout over/);
    expect(await desk.weight()).toBe(60);
    expect((await desk.canary('abort')).code).toBe(0);
  });

  it('do not wait for one that was killed on their host', async () => {
    await desk.slowly();
    const following = await desk.start('canary', 'start', '--wait', '--every', '300ms');
    await until('it follows', async () => (await desk.status()).phase === 'progressing');
    following.signal('SIGKILL');
    await following.finished;
    const { code, stderr } = await desk.canary('abort');
    expect(code, stderr).toBe(0);
    expect(await desk.weight()).toBe(0);
  });
});

describe('a canary that is followed and stopped', () => {
  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('by %s holds, and says how to continue', async (signal, code) => {
    await desk.slowly();
    const following = await desk.start('canary', 'start', '--wait', '--every', '300ms', '--json');
    await until('it follows', async () => (await desk.status()).phase === 'progressing');
    following.signal(signal);
    const finished = await following.finished;
    expect(finished.code, finished.stderr).toBe(code);
    expect(json(finished)).toMatchObject({
      verdict: 'interrupted',
      result: { phase: 'holding', weights: { canary: 20 } },
    });
    expect(failure(finished).hint).toMatch(/canary resume web.*canary abort web/s);
    expect(await desk.status()).toMatchObject({ phase: 'holding', weights: { canary: 20 }, holder: null });
    expect((await desk.canary('step')).code).toBe(0);
    expect(json(await desk.canary('resume')).result.phase).toBe('progressing');
    expect(json(await desk.canary('promote', '--full')).result.phase).toBe('promoted');
  });

  it('by --timeout holds with exit 124', async () => {
    await desk.slowly();
    const finished = await desk.canary('start', '--wait', '--every', '300ms', '--timeout', '15s');
    expect(finished.code, finished.stderr).toBe(124);
    expect(await desk.status()).toMatchObject({ phase: 'holding' });
    expect((await desk.canary('abort')).code).toBe(0);
  });
});

describe('a canary whose process is killed at any instant', () => {
  // 30 rounds of several processes each.
  it('is explained by status, and promoted or aborted as asked', { timeout: 1_800_000 }, async () => {
    const { seed, random } = replayable('instants of SIGKILL');
    for (let round = 0; round < 30; round++) {
      await desk.reset();
      await desk.describeCanary({ interval: '1s', steps: '10, 30, 60', probe: 'rate: 300, duration: 300ms' });
      const following = await desk.start('canary', 'start', '--wait', '--every', '50ms');
      setTimeout(() => following.signal('SIGKILL'), 200 + random() * 5000);
      await following.finished;
      const label = `METRIFY_TEST_SEED=${seed}, round ${round}`;
      const { phase, weights } = await desk.status();
      expect(['idle', 'progressing', 'promoted', 'aborted'], label).toContain(phase);
      if (phase === 'idle') expect(weights.canary, label).toBe(0);
      if (phase === 'promoted') expect(weights.canary, label).toBe(100);
      const back = random() < 0.5 || phase === 'idle' || phase === 'promoted';
      const finished = await (back
        ? desk.canary('abort', '--take-over')
        : desk.canary('promote', '--full', '--take-over'));
      expect(finished.code, `${label}: ${finished.stderr}`).toBe(0);
      const end = phase === 'promoted' || !back ? 100 : 0;
      expect(await desk.weight(), label).toBe(end);
      expect((await desk.status()).weights.canary, label).toBe(end);
      const left = (await readdir(desk.path)).filter((name) => /applying|next|old|tmp/.test(name));
      if (phase === 'progressing') expect(left, label).toEqual([]);
    }
  });
});
