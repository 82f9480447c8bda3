import { execFileSync } from 'node:child_process';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import type { Finished } from '../run.js';
import { CanaryDesk, failure } from './envoy-file.js';

const json = (finished: Finished) => finished.json();
let desk: CanaryDesk;
beforeAll(async () => void (desk = await CanaryDesk.open()));
afterAll(() => desk.close());
beforeEach(async () => {
  await desk.reset();
  await desk.describeCanary();
});

describe('a canary that is followed', () => {
  it('is promoted when it is good, and every field is as scripts expect it', async () => {
    const finished = await desk.canary('start', '--wait', '--every', '200ms');
    expect(finished.code, finished.stderr).toBe(0);
    const envelope = json(finished);
    expect(envelope).toMatchObject({ command: 'canary.start', verdict: 'ok', exitCode: 0 });
    expect(envelope.result).toMatchObject({
      app: 'web',
      phase: 'promoted',
      weights: { stable: 0, canary: 100 },
      revision: expect.any(String),
      holder: null,
      verdict: 'passed',
      checks: expect.any(Array),
    });
    expect(await desk.weight()).toBe(100);

    const shown = await desk.status();
    expect(shown).toMatchObject({
      phase: 'promoted',
      step: 0,
      holder: null,
      weights: { stable: 0, canary: 100 },
    });
    for (const check of shown.checks)
      expect(check).toMatchObject({
        name: expect.any(String),
        verdict: 'passed',
        observed: expect.any(String),
        limit: expect.any(String),
      });
    const { history } = json(await desk.canary('history')).result as { history: object[] };
    expect(history).toMatchObject([
      {
        action: 'start',
        from: { canary: 0 },
        to: { canary: 20 },
        phase: 'progressing',
        verdict: 'by hand',
      },
      { action: 'step', from: { canary: 20 }, to: { canary: 60 }, verdict: 'passed' },
      { action: 'step', from: { canary: 60 }, to: { canary: 100 }, phase: 'promoted', verdict: 'passed' },
    ]);
    for (const entry of history)
      expect(entry).toMatchObject({
        who: expect.stringMatching(/@.*\(\d+\)/),
        at: expect.stringMatching(/^\d{4}-.*Z$/),
      });

    const again = await desk.canary('start');
    expect(again.code).toBe(4);
    expect(failure(again)).toMatchObject({
      message: expect.stringMatching(/promoted/),
      hint: expect.stringMatching(/pair/),
    });
    for (const verb of ['step', 'promote', 'abort']) expect((await desk.canary(verb)).code, verb).toBe(0);
    expect(await desk.weight()).toBe(100);
  });

  it.each([
    ['fails in 5% of its answers', { failing: 0.05, takesMs: 50 }, 'errors'],
    ['takes ten times as long', { failing: 0, takesMs: 500 }, 'latency'],
  ])('is rejected when it %s', async (_, behaviour, check) => {
    // Slow and far apart: what a busy machine adds to stable's latency must not hide the difference.
    desk.versions.behaviours.set('v1', { failing: 0, takesMs: 50 });
    desk.versions.behaviours.set('v2', behaviour);
    // A machine that stalls for 2 s makes up to a third of either's probes slow, and not the median.
    const probe = 'rate: 150, duration: 6s';
    await desk.describeCanary({ probe, quantile: 0.5, more: ['  maxErrorIncrease: 1%'] });
    const finished = await desk.canary('start', '--wait', '--every', '200ms');
    expect(finished.code, finished.stderr).toBe(3);
    const envelope = json(finished);
    expect(envelope).toMatchObject({ verdict: 'failed', exitCode: 3 });
    expect(envelope.result).toMatchObject({
      phase: 'aborted',
      weights: { stable: 100, canary: 0 },
      verdict: 'rejected',
    });
    const failed = envelope.result.checks.filter(({ verdict }: { verdict: string }) => verdict === 'failed');
    expect(failed.map(({ name }: { name: string }) => name)).toContain(check);
    expect(envelope.result.reason).toMatch(check);
    expect(await desk.weight()).toBe(0);
    expect((await desk.status()).phase).toBe('aborted');
    // It may be tried again.
    expect((await desk.canary('start', '--dry-run')).code).toBe(0);
  });

  it('is inconclusive when nobody answers, and goes back or stays as the file says', async () => {
    for (const [then, phase, weight] of [
      ['abort', 'aborted', 0],
      ['hold', 'holding', 20],
    ] as const) {
      await desk.reset();
      await desk.describeCanary({
        more: ['  maxInconclusive: 2', `  onInconclusive: ${then}`],
        probe: 'rate: 20, duration: 200ms',
      });
      await desk.canary('start');
      desk.versions.behaviours.clear();
      const { url } = desk.versions;
      await desk.versions.close();
      const finished = await desk.canary('step', '--wait', '--every', '200ms');
      await desk.versions.listen(Number(new URL(url).port));
      expect(finished.code, finished.stderr).toBe(7);
      expect(json(finished)).toMatchObject({
        verdict: 'inconclusive',
        result: { phase, weights: { canary: weight } },
      });
      expect(await desk.weight()).toBe(weight);
    }
  });
});

describe('a canary driven verb by verb', () => {
  it('starts, pauses, resumes, continues, and is aborted', async () => {
    await desk.slowly();
    for (const verb of ['abort', 'step']) expect((await desk.canary(verb)).code, verb).toBe(0);
    for (const verb of ['pause', 'resume', 'promote']) expect((await desk.canary(verb)).code, verb).toBe(4);
    expect((await desk.status()).phase).toBe('idle');

    expect(json(await desk.canary('start')).result).toMatchObject({
      phase: 'progressing',
      step: 1,
      weights: { canary: 20 },
    });
    expect((await desk.canary('start')).code).toBe(4);
    const waited = json(await desk.canary('step'));
    expect(waited.result).toMatchObject({ phase: 'progressing', did: 'waiting', step: 1 });
    expect(waited.result.checks.length).toBeGreaterThan(0);
    expect(json(await desk.canary('pause')).result.phase).toBe('paused');
    expect(json(await desk.canary('step')).result).toMatchObject({
      phase: 'paused',
      weights: { canary: 20 },
    });
    expect(json(await desk.canary('resume')).result.phase).toBe('progressing');
    expect(json(await desk.canary('promote')).result).toMatchObject({ step: 2, weights: { canary: 60 } });
    expect(json(await desk.canary('abort')).result).toMatchObject({
      phase: 'aborted',
      weights: { canary: 0 },
      step: 0,
    });
    expect(await desk.weight()).toBe(0);
    expect((await desk.canary('abort')).code).toBe(0);

    await desk.canary('start');
    expect(json(await desk.canary('promote', '--full')).result).toMatchObject({
      phase: 'promoted',
      weights: { canary: 100 },
    });
    expect(await desk.weight()).toBe(100);
  });

  it('is refused with another plan, by all verbs but those that stop it', async () => {
    await desk.slowly();
    await desk.canary('start');
    await desk.describeCanary({ interval: '2m', probe: 'rate: 20, duration: 200ms' });
    for (const verb of ['step', 'promote', 'resume', 'start']) {
      const refused = await desk.canary(verb);
      expect(refused.code, verb).toBe(4);
      expect(await desk.weight()).toBe(20);
    }
    expect(failure(await desk.canary('step')).hint).toMatch(/canary abort web/);
    expect((await desk.canary('pause')).code).toBe(0);
    expect((await desk.canary('abort')).code).toBe(0);
    expect(await desk.weight()).toBe(0);
  });

  it('is aborted by the route alone, and what is no route is said', async () => {
    await desk.slowly();
    await desk.canary('start');
    const route = ['--provider', 'envoy', '--route', desk.file('route.json'), '--json'];
    const bare = (verb: string, ...flags: string[]) => desk.bare('canary', verb, 'web', ...flags);
    expect((await bare('status', ...route)).json().result).toMatchObject({
      phase: 'progressing',
      versions: { canary: 'v2' },
    });
    const aborted = await bare('abort', ...route);
    expect(aborted.code, aborted.stderr).toBe(0);
    expect(await desk.weight()).toBe(0);

    // Where nothing ever ran nobody knows the versions, and there is nothing to abort.
    await desk.reset();
    for (const flags of [route, [...route, '--dry-run']]) {
      const harmless = await bare('abort', ...flags);
      expect(harmless.code, harmless.stderr).toBe(0);
      expect(harmless.json().result).toMatchObject({
        phase: 'idle',
        did: 'nothing runs',
        weights: { canary: 0 },
        history: [],
      });
    }
    expect((await desk.bare('canary', 'abort', 'web', ...route.slice(0, -1))).stdout).toMatch(/nothing runs/);
    expect((await bare('status', ...route)).code).toBe(2);
    const typo = await bare('abort', '--provider', 'envoy', '--route', desk.file('rout.json'), '--json');
    expect(typo.code).toBe(2);
    expect(failure(typo).code).toBe('ROUTE_NOT_FOUND');
  });

  it('is begun again for the next pair, with its history', async () => {
    await desk.slowly();
    await desk.canary('start');
    await desk.canary('promote', '--full');
    const text = await readFile(desk.file('route.json'), 'utf8');
    await writeFile(desk.file('route.json'), text.replaceAll('v1', 'v3'));
    await desk.describe('stable: { name: v2 }', 'canary: { name: v3 }', 'steps: [10]', 'interval: 1m');
    expect(await desk.status()).toMatchObject({
      phase: 'idle',
      weights: { stable: 100, canary: 0 },
      step: 0,
    });
    for (const verb of ['abort', 'step']) expect((await desk.canary(verb)).code, verb).toBe(0);
    for (const verb of ['promote', 'resume', 'pause']) expect((await desk.canary(verb)).code, verb).toBe(4);
    const started = json(await desk.canary('start'));
    expect(started.result).toMatchObject({
      phase: 'progressing',
      versions: { stable: 'v2', canary: 'v3' },
      weights: { canary: 10 },
    });
    expect(started.result.history).toHaveLength(3);
    // The old pair's description stops it too.
    await desk.slowly();
    expect((await desk.canary('abort')).code).toBe(0);
    // Of v2, which is the stable one now.
    expect(await desk.weight()).toBe(100);
  });

  it('says with --dry-run what it would write, and writes nothing', async () => {
    await desk.slowly();
    const before = await readdir(desk.path);
    const planned = await desk.canary('start', '--dry-run');
    expect(planned.code, planned.stderr).toBe(0);
    const { verdict, result } = json(planned);
    expect(verdict).toBe('planned');
    expect(result.changes.map(({ object }: { object: string }) => object)).toEqual([
      desk.file('route.json'),
      expect.stringMatching(/metrify\.json$/),
    ]);
    expect(result.changes[0].patch).toContain('"weight":20');
    expect(await readdir(desk.path)).toEqual(before);
    expect(await desk.weight()).toBe(0);
    await desk.canary('start');
    // Word for word what is written then.
    expect(await readFile(desk.file('route.json'), 'utf8')).toBe(result.changes[0].patch);
    for (const [verb, weight] of [
      ['promote', '"weight":60'],
      ['abort', '"weight":100'],
    ] as const)
      expect(json(await desk.canary(verb, '--dry-run')).result.changes[0].patch).toContain(weight);
    expect(await desk.weight()).toBe(20);
  });

  it('shows with --dry-run a diff that patch takes, and nothing of its own state', async () => {
    await desk.slowly();
    await desk.canary('start');
    const before = await readFile(desk.file('route.json'), 'utf8');
    const { code, stdout } = await desk.run('canary', 'promote', '--dry-run');
    expect(code).toBe(0);
    const diff = stdout.slice(stdout.indexOf('--- '), stdout.search(/\nwaits for/));
    await writeFile(desk.file('copy.json'), before);
    execFileSync('patch', ['--quiet', desk.file('copy.json')], { input: `${diff}\n` });
    expect(stdout).not.toMatch(/"history"|metrify\.json/);
    await desk.canary('promote');
    expect(await readFile(desk.file('copy.json'), 'utf8')).toBe(
      await readFile(desk.file('route.json'), 'utf8'),
    );
    // What changes only metrify's state says so.
    expect((await desk.run('canary', 'pause', '--dry-run')).stdout).toContain('Would change no traffic');
  });

  it('a dry run that would not start says why, and ends as the run does', async () => {
    const smoke = `smoke: [{ url: "${desk.versions.url}/v9/", bodyContains: v2 }]`;
    await desk.describeCanary({ more: [smoke] });
    for (const flags of [['--dry-run', '--junit', desk.file('junit.xml')], []]) {
      const { code, stdout } = await desk.run('canary', 'start', ...flags);
      expect(code, stdout).toBe(3);
      expect(stdout).toMatch(/failed +smoke 1 +HTTP 404/);
      expect(stdout).toContain('not started');
      expect(stdout).toContain('Put right what smoke 1 found, then run the same command again.');
      expect(await desk.weight()).toBe(0);
    }
    expect(await readFile(desk.file('junit.xml'), 'utf8')).toMatch(/failures="1"[^]*name="smoke 1"><failure/);
    const planned = await desk.canary('start', '--dry-run');
    expect(planned.code).toBe(3);
    expect(json(planned)).toMatchObject({ verdict: 'failed', result: { did: 'not started', changes: [] } });
  });

  it('says what it waits for, and for how long', async () => {
    await desk.slowly();
    const waits = /waits for [\d.]+m?s of at least 1m in this step/;
    expect((await desk.run('canary', 'start')).stdout).toMatch(waits);
    const { stdout } = await desk.run('canary', 'step');
    expect(stdout).toMatch(/waits for [\d.]+m?s of at least 1m in this step; 8 of about [\d,]+ requests/);
    expect((await desk.run('canary', 'status')).stdout).toMatch(waits);
    expect((await desk.status()).waitsFor).toEqual([
      expect.stringMatching(/of at least 1m in this step$/),
      'a verdict on errors and latency',
    ]);
  });

  it('stays as it is when somebody else shifted the traffic, until it is told to take over', async () => {
    await desk.slowly();
    await desk.canary('start');
    const text = await readFile(desk.file('route.json'), 'utf8');
    await writeFile(
      desk.file('route.json'),
      text.replace('"weight":80', '"weight":81').replace('"weight":20', '"weight":19'),
    );
    expect((await desk.status()).problems).toEqual([expect.stringMatching(/81\/19.*80\/20/)]);
    for (const verb of ['step', 'promote', 'pause']) {
      const refused = await desk.canary(verb);
      expect(refused.code, verb).toBe(4);
      expect(failure(refused).code).toBe('DRIFT');
    }
    expect((await desk.canary('step', '--take-over')).code).toBe(0);
    expect(await desk.weight()).toBe(20);
    await writeFile(
      desk.file('route.json'),
      text.replace('"weight":80', '"weight":0').replace('"weight":20', '"weight":100'),
    );
    expect((await desk.canary('abort')).code).toBe(0);
    expect(await desk.weight()).toBe(0);
  });

  it('runs nothing that somebody wrote into its state', async () => {
    await desk.slowly();
    await desk.canary('start');
    const file = desk.file('.route.json.metrify.json');
    const kept = JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>;
    const edit = (change: object) => writeFile(file, JSON.stringify({ ...kept, ...change }));
    const planted = { command: ['touch', desk.file('planted')], url: 'http://127.0.0.1:1/' };
    await edit({ ...planted, gates: planted, analysis: { probe: planted }, smoke: [planted] });
    expect((await desk.canary('step')).code).toBe(0);
    await edit({ ...planted, versions: { stable: { name: 'v2' }, canary: { name: 'v1' } } });
    expect((await desk.canary('step')).code).toBe(4);
    expect(await readdir(desk.path)).not.toContain('planted');
    await edit({ phase: 'great' });
    for (const verb of ['status', 'step', 'abort']) {
      const refused = await desk.canary(verb);
      expect(refused.code, verb).toBe(4);
      expect(failure(refused)).toMatchObject({ code: 'STATE_BROKEN', hint: expect.stringMatching(/remove/) });
    }
    expect(await desk.weight()).toBe(20);
  });
});
