import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { commandGate, replicasGate } from '../../../src/lib/rollout/gates.js';
import { until } from '../../servers/ports.js';
import { isRunning } from '../../servers/process.js';
import { MemoryWorkloads, pair } from './memory.js';

const { signal } = new AbortController();
const node = process.execPath;
let folder: string;
beforeAll(async () => (folder = await mkdtemp(join(tmpdir(), 'metrify-gate-'))));
afterAll(() => rm(folder, { recursive: true, force: true }));

const version = (name: string) => ({ name, deployment: undefined, colour: undefined });
const gate = (command: string[] | undefined, more: { timeoutMs?: number; signal?: AbortSignal } = {}) =>
  commandGate(
    { command, commandTimeoutMs: more.timeoutMs ?? 20_000, approval: false },
    { app: 'web', versions: { stable: version('v1'), canary: version('v2') }, weight: 50 },
    more.signal ?? signal,
  );
/** Runs JavaScript. */
const script = (text: string, ...args: string[]) => [node, '-e', text, '--', ...args];

describe('the command gate', () => {
  it('is none without a command', async () => {
    expect(await gate(undefined)).toBeUndefined();
    expect(await gate([])).toBeUndefined();
  });

  it('passes on exit 0, and tells the command what is about to happen', async () => {
    const { PATH } = process.env;
    const told = {
      PATH,
      METRIFY_APP: 'web',
      METRIFY_STABLE: 'v1',
      METRIFY_CANARY: 'v2',
      METRIFY_NEXT_WEIGHT: '50',
    };
    const asks = `process.exit(Object.entries(${JSON.stringify(told)}).every(([k, v]) => process.env[k] === v) ? 0 : 9)`;
    expect(await gate(script(asks))).toMatchObject({ verdict: 'passed', observed: 'exit 0' });
  });

  it("gets none of metrify's variables that hold secrets", async () => {
    const inherited = {
      METRIFY_REDIS_PASSWORD: 's3cr3t99',
      METRIFY_POSTGRES_URL: 'postgres://u:s3cr3t99@h/db',
      METRIFY_CONFIG: 'metrify.config.yaml',
      OWN_TOKEN: 'of the command',
    };
    Object.assign(process.env, inherited);
    try {
      const asks = `const { METRIFY_CONFIG, OWN_TOKEN, ...others } = process.env;
        if (METRIFY_CONFIG === undefined || OWN_TOKEN === undefined) process.exit(8);
        process.exit(JSON.stringify(others).includes('s3cr3t99') ? 9 : 0)`;
      expect(await gate(script(asks))).toMatchObject({ verdict: 'passed', observed: 'exit 0' });
    } finally {
      for (const name of Object.keys(inherited)) delete process.env[name];
    }
  });

  it('is quoted without the secrets that it said', async () => {
    const says = "console.error('no window at https://ann:s3cr3t99@ci/?token=t0k3n99'); process.exit(7)";
    expect((await gate(script(says)))!.observed).toBe('exit 7: no window at https://ann:***@ci/?token=***');
  });

  it('fails with the exit code and the last line that it said', async () => {
    const says = "console.error('first'); console.error('no window today'); process.exit(7)";
    expect(await gate(script(says))).toMatchObject({
      name: 'command',
      verdict: 'failed',
      observed: 'exit 7: no window today',
      limit: 'exit 0 within 20s',
    });
  });

  it('fails when it is killed, or there is no such program', async () => {
    expect(await gate(script("process.kill(process.pid, 'SIGKILL')"))).toMatchObject({
      verdict: 'failed',
      observed: 'SIGKILL',
    });
    expect(await gate([join(folder, 'nothing')])).toMatchObject({
      verdict: 'failed',
      observed: expect.stringMatching(/ENOENT/),
    });
  });

  it('has no shell: what means something to one stays as it is', async () => {
    const odd = [
      `; touch ${join(folder, 'a')}`,
      `$(touch ${join(folder, 'b')})`,
      '`id`',
      '*',
      '$HOME',
      '| cat',
      '',
    ];
    const same = `process.exit(JSON.stringify(process.argv.slice(1)) === ${JSON.stringify(JSON.stringify(odd))} ? 0 : 9)`;
    expect(await gate(script(same, ...odd))).toMatchObject({ verdict: 'passed' });
    // Neither as the program's name.
    expect((await gate([`true; touch ${join(folder, 'c')}`]))!.verdict).toBe('failed');
    expect(await readdir(folder)).toEqual([]);
  });

  it('reads what a talkative command says, without end', async () => {
    const talks =
      "for (let i = 0; i < 2000; i++) { console.log('x'.repeat(9999)); console.error('y'.repeat(9999)); } process.exitCode = 3";
    expect(await gate(script(talks))).toMatchObject({ observed: expect.stringMatching(/^exit 3: y{200}$/) });
  });

  it.each([
    ['that hangs', script('setInterval(() => {}, 1000)')],
    ['that does not want to end', ['sh', '-c', "trap '' TERM INT; sleep 3600; sleep 3600"]],
  ])('is over in time for a command %s', async (_, command) => {
    // Each lasts longer than the test may.
    expect(await gate(command, { timeoutMs: 300 })).toMatchObject({
      verdict: 'failed',
      observed: 'not done after 300ms',
    });
  });

  it('does not wait for what a command leaves in the background, and ends it', async () => {
    const file = join(folder, 'pid');
    // It lasts longer than the test may.
    expect(await gate(['sh', '-c', `sleep 3600 & echo $! > '${file}'; exit 0`])).toMatchObject({
      verdict: 'passed',
    });
    const pid = Number(await readFile(file, 'utf8'));
    await rm(file);
    await until('it is ended', () => !isRunning(pid));
  });

  it('is stopped with the command that asked', async () => {
    const stopping = new AbortController();
    const asked = gate(script('setInterval(() => {}, 1000)'), { signal: stopping.signal });
    const reason = new Error('stopped');
    setTimeout(() => stopping.abort(reason), 200);
    await expect(asked).rejects.toBe(reason);
  });
});

describe('the gate of replicas', () => {
  const canary = pair().canary;

  it.each([
    [3, 3, 'passed'],
    [2, 3, 'failed'],
    [1, 0, 'passed'],
    [0, 0, 'failed'],
  ] as const)('with %i ready of %i needed: %s', async (ready, needed, verdict) => {
    const workloads = new MemoryWorkloads();
    workloads.ready.set(canary.deployment!, ready);
    expect(await replicasGate(workloads, canary, needed, signal)).toMatchObject({ verdict });
  });

  it.each([
    [{ rolledOut: false, problem: 'its new replicas wait for an image' }, /not rolled out.*image/],
    [{ serving: 1 }, /1 serving/],
  ])('fails with %o', async (change, said) => {
    const workloads = new MemoryWorkloads();
    const fleet = await workloads.fleet(canary.deployment!);
    workloads.fleet = () => Promise.resolve({ ...fleet, ...change });
    expect(await replicasGate(workloads, canary, 3, signal)).toMatchObject({
      verdict: 'failed',
      observed: expect.stringMatching(said),
    });
  });

  it('is none without Kubernetes', async () => {
    expect(await replicasGate(undefined, canary, 1, signal)).toBeUndefined();
  });
});
