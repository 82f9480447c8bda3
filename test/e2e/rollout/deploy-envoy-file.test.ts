import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';

import { until } from '../../servers/ports.js';
import { Desk } from './envoy-file.js';

let desk: Desk;
beforeAll(async () => void (desk = await Desk.open()));
afterAll(() => desk.close());
beforeEach(async () => {
  await desk.reset();
  const { url } = desk.versions;
  await desk.describe(
    'blue: { name: v1 }',
    'green: { name: v2 }',
    `smoke: [{ url: "${url}/v2/", bodyContains: v2 }]`,
    `probes: [{ url: "${url}/v2/" }]`,
  );
});

const deploy = (verb: string, ...flags: string[]) => desk.run('deploy', verb, '--json', ...flags);

it('switches, says what is live, and goes back', async () => {
  expect((await deploy('rollback')).code).toBe(4);
  expect((await deploy('status')).json().result).toMatchObject({ phase: 'idle', live: 'blue' });
  const planned = await deploy('switch', '--dry-run', '--scale-down', '--scale-down-delay', '1h');
  expect(planned.code, planned.stderr).toBe(0);
  expect(await desk.weight()).toBe(0);

  const switched = await deploy('switch', '--to', 'green', '--watch', '2s');
  expect(switched.code, switched.stderr).toBe(0);
  expect(switched.json()).toMatchObject({
    command: 'deploy.switch',
    verdict: 'ok',
    result: { phase: 'promoted', live: 'green', weights: { stable: 100, canary: 0 }, verdict: 'passed' },
  });
  expect(await desk.weight()).toBe(100);
  expect((await deploy('switch', '--to', 'green')).json().result.did).toBe('green is live already');

  const back = await deploy('rollback');
  expect(back.code, back.stderr).toBe(0);
  expect(back.json().result).toMatchObject({ phase: 'aborted', live: 'blue' });
  expect(await desk.weight()).toBe(0);
  const { history } = (await deploy('history')).json().result as { history: { action: string }[] };
  expect(history.map(({ action }) => action)).toEqual(['switch', 'promote', 'rollback']);
});

it('returns by itself when a probe fails, with exit 3', async () => {
  const switching = await desk.start('deploy', 'switch', '--json', '--watch', '60s');
  await until('it switched', async () => (await desk.weight()) === 100);
  desk.versions.behaviours.set('v2', { failing: 1, takesMs: 0 });
  const finished = await switching.finished;
  expect(finished.code, finished.stderr).toBe(3);
  expect(finished.json().result).toMatchObject({
    phase: 'aborted',
    live: 'blue',
    reason: expect.stringMatching(/HTTP 500/),
  });
  expect(await desk.weight()).toBe(0);
  // Its smoke test keeps it from another try.
  const again = await deploy('switch');
  expect(again.code).toBe(3);
  expect(again.json().result.did).toBe('not switched');
  expect(await desk.weight()).toBe(0);
});

it.each([
  ['SIGINT', 130],
  ['SIGKILL', null],
] as const)('that was stopped by %s in its watch is watched again, or goes back', async (signal, code) => {
  const switching = await desk.start('deploy', 'switch', '--json', '--watch', '60s');
  await until('it switched', async () => (await desk.weight()) === 100);
  switching.signal(signal);
  const finished = await switching.finished;
  expect(finished.code, finished.stderr).toBe(code);
  if (code !== null) expect(finished.stderr).toMatch(/deploy switch web.*deploy rollback web/s);
  expect((await deploy('status')).json().result).toMatchObject({ phase: 'progressing', live: 'green' });
  const canary = await desk.run('canary', 'abort', '--json');
  expect(canary.code).not.toBe(0);
  const watched = await deploy('switch', '--watch', '1s', '--take-over');
  expect(watched.code, watched.stderr).toBe(0);
  expect(watched.json().result).toMatchObject({ phase: 'promoted', live: 'green' });
  expect((await deploy('rollback')).code).toBe(0);
  expect(await desk.weight()).toBe(0);
});

it('is refused where both colours have traffic', async () => {
  await desk.reset(40);
  await desk.describe('blue: { name: v1 }', 'green: { name: v2 }');
  const refused = await deploy('switch');
  expect(refused.code).toBe(4);
  expect(await desk.weight()).toBe(40);
});
