import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, expect, it } from 'vitest';

import { Redactor } from '../../../src/lib/core/secrets/redactor.js';
import type { Clock } from '../../../src/lib/core/clock.js';
import { RunMetricsFile } from '../../../src/runtime/run-metrics.js';

/** A clock that moves when it is told to, and says when somebody waits for it. */
class StepClock implements Clock {
  readonly slept: number[] = [];
  #wake: (() => void) | undefined;
  #asleep: (() => void) | undefined;

  now = () => 0;
  monotonic = () => 0;

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    this.slept.push(ms);
    this.#asleep?.();
    this.#asleep = undefined;
    return new Promise((resolve, reject) => {
      this.#wake = resolve;
      if (signal?.aborted) reject(signal.reason as Error);
      signal?.addEventListener('abort', () => reject(signal.reason as Error));
    });
  }

  /** Lets the sleeper continue. @returns when it sleeps again */
  step(): Promise<void> {
    const asleep = new Promise<void>((resolve) => (this.#asleep = resolve));
    this.#wake?.();
    return asleep;
  }
}

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'metrify-run-metrics-'));
  path = join(folder, 'run.prom');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function samples(): Record<string, number> {
  const lines = readFileSync(path, 'utf8').split('\n');
  return Object.fromEntries(
    lines.flatMap((line) => {
      const [, name, kind, value] = /^metrify_run_(\w+)\{.*?(?:kind="(\w+)")?\} (.*)$/.exec(line) ?? [];
      return name === undefined ? [] : [[kind ?? name, Number(value)]];
    }),
  );
}

const ended = { success: true, durationSeconds: 7, timestampSeconds: 1_767_225_600 };

it('says every 15 s what was handled so far, and keeps how the last run ended', async () => {
  const clock = new StepClock();
  const warnings: string[] = [];
  let written = 0;
  const options = {
    path,
    command: 'cache.worker',
    job: 'w',
    clock,
    redactor: new Redactor(),
    counts: () => ({ written }),
    warn: (message: string) => void warnings.push(message),
  };
  const first = new RunMetricsFile(options);
  let asleep = clock.step();
  first.start();
  await asleep;
  expect(samples()).toEqual({ running: 1, written: 0 });
  written = 10;
  await clock.step();
  expect(samples()).toEqual({ running: 1, written: 10 });
  expect(await first.finish({ ended, counts: { written: 12 } })).toEqual([]);
  const kept = { success: 1, duration_seconds: 7, timestamp_seconds: 1_767_225_600 };
  expect(samples()).toEqual({ running: 0, written: 12, ...kept });

  const second = new RunMetricsFile(options);
  asleep = clock.step();
  second.start();
  await asleep;
  expect(samples()).toEqual({ running: 1, written: 10, ...kept });
  await clock.step();
  expect(samples()).toEqual({ running: 1, written: 10, ...kept });
  await second.finish({ ended: { ...ended, success: false }, counts: {} });
  expect(samples()).toEqual({ running: 0, ...kept, success: 0 });
  expect(new Set(clock.slept)).toEqual(new Set([15_000]));
  expect(warnings).toEqual([]);
});

it('tells while the command runs that the file cannot be written, and again at its end', async () => {
  const clock = new StepClock();
  const warnings: string[] = [];
  const file = new RunMetricsFile({
    path: join(folder, 'none', 'run.prom'),
    command: 'c',
    job: '',
    clock,
    redactor: new Redactor(),
    counts: () => ({}),
    warn: (message) => void warnings.push(message),
  });
  const asleep = clock.step();
  file.start();
  await asleep;
  expect(warnings).toEqual([]);
  await clock.step();
  expect(warnings).toEqual([expect.stringContaining('ENOENT')]);
  expect(await file.finish({ ended, counts: {} })).toMatchObject([{ name: 'NotWritten', exitCode: 5 }]);
});
