import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect, it, onTestFinished } from 'vitest';

import type { ComparisonResult } from '../../../src/lib/load/compare/result.js';
import { metrify } from '../run.js';
import { knownServer } from './known-server.js';

async function folder(): Promise<(name: string) => string> {
  const path = await mkdtemp(join(tmpdir(), 'metrify-compare-'));
  onTestFinished(() => rm(path, { recursive: true }));
  return (name) => join(path, name);
}

async function comparison(...args: string[]) {
  const end = await metrify(['load', ...args, '--json']);
  expect(end.stderr).not.toContain('a bug in metrify');
  const { result, verdict } = end.json<{ result: ComparisonResult; verdict: string }>();
  const p50 = result.quantiles.find(({ quantile }) => quantile === 0.5)!;
  return { code: end.code, verdict, p50 };
}

it('load compare finds that a saved run is slower, and the other one faster', async () => {
  const bothSaved = async (): Promise<[before: string, after: string]> => {
    const { url } = await knownServer();
    const file = await folder();
    for (const name of ['before.json', 'after.json']) {
      const args = ['--rate', '40', '--duration', '9s', '--save', file(name)];
      const { code, stderr } = await metrify(['load', 'run', `${url}/deployed/360`, ...args]);
      expect(code, stderr).not.toBe(5);
    }
    return [file('before.json'), file('after.json')];
  };
  let [before, after] = await bothSaved();
  let slower = await comparison('compare', before, after, '--max-increase', '20%');
  // While a machine stalls, slices of a run differ so much that too little is known.
  for (let tries = 0; tries < 8 && slower.p50.verdict === 'unclear'; tries++) {
    [before, after] = await bothSaved();
    slower = await comparison('compare', before, after, '--max-increase', '20%');
  }
  expect(slower.p50).toMatchObject({ verdict: 'slower' });
  expect(slower.p50.ratio).toBeGreaterThan(1.5);
  expect([slower.code, slower.verdict]).toEqual([3, 'failed']);
  const faster = await comparison('compare', after, before, '--max-increase', '20%');
  expect(faster.p50).toMatchObject({ verdict: 'faster' });
  expect(faster.code).not.toBe(3);
});

it('load compare refuses what is not a saved run', async () => {
  const file = await folder();
  const { code, stderr } = await metrify(['load', 'compare', file('no.json'), file('none.json')]);
  expect(code).toBe(2);
  expect(stderr).toMatch(/cannot read .*no\.json: it does not exist/);
});

it('load ab finds which of two services is slower, in turns', async () => {
  const { url } = await knownServer();
  const args = ['--rate', '100', '--duration', '5s', '--slice', '500ms', '--warmup', '100ms'];
  const turns = () => comparison('ab', `${url}/after/20`, `${url}/after/200`, ...args);
  let found = await turns();
  // The generator was the limit in too many turns, or the turns differ too much: this machine was busy.
  for (let tries = 0; tries < 8 && found.p50.verdict === 'unclear'; tries++) found = await turns();
  expect(found.p50).toMatchObject({ verdict: 'slower' });
  expect(found.code).toBe(3);
});
