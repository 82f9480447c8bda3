import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { needs } from '../../servers/needs.js';
import {
  type RunMetrics,
  readLastRun,
  renderMetrics,
  writeMetricsFile,
} from '../../../src/runtime/metrics-file.js';

const run: RunMetrics = {
  command: 'cache.warm',
  job: 'nightly',
  running: false,
  ended: { success: true, durationSeconds: 12.5, timestampSeconds: 1_767_225_600 },
  counts: { written: 10, failed: 0 },
};
const failed: RunMetrics = { ...run, ended: { ...run.ended!, success: false } };
const measured: RunMetrics = {
  ...run,
  gauges: [{ name: 'rate_per_second', help: 'Requests a second.', value: 99.5 }],
  histograms: [
    {
      name: 'latency_seconds',
      help: 'From the intended start.',
      labels: { name: 'read' },
      buckets: [
        { upTo: 0.1, count: 3 },
        { upTo: 1, count: 5 },
      ],
      count: 6,
      sum: 4.25,
    },
  ],
};
const canMount = process.getuid?.() === 0 && process.platform === 'linux';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'metrify-metrics-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('run metrics', () => {
  it('have the names and labels that alerts are written against', () => {
    const samples = renderMetrics(failed)
      .split('\n')
      .filter((line) => !line.startsWith('#'));
    expect(samples).toEqual([
      'metrify_run_running{command="cache.warm",job="nightly"} 0',
      'metrify_run_success{command="cache.warm",job="nightly"} 0',
      'metrify_run_duration_seconds{command="cache.warm",job="nightly"} 12.5',
      'metrify_run_timestamp_seconds{command="cache.warm",job="nightly"} 1767225600',
      'metrify_run_items{command="cache.warm",job="nightly",kind="written"} 10',
      'metrify_run_items{command="cache.warm",job="nightly",kind="failed"} 0',
      '',
    ]);
  });

  it('say while a run is under way how the last one of the same command and job ended', async () => {
    const path = join(folder, 'run.prom');
    expect(await readLastRun(path, run)).toBeUndefined();
    await writeMetricsFile(path, failed);
    expect(await readLastRun(path, run)).toEqual(failed.ended);
    expect(await readLastRun(path, { ...run, job: 'night' })).toBeUndefined();
    expect(await readLastRun(path, { ...run, command: 'cache.flush' })).toBeUndefined();
  });

  it('have gauges and histograms of their own', () => {
    const samples = renderMetrics(measured)
      .split('\n')
      .filter((line) => /latency|rate/.test(line));
    expect(samples).toEqual([
      '# HELP metrify_run_rate_per_second Requests a second.',
      '# TYPE metrify_run_rate_per_second gauge',
      'metrify_run_rate_per_second{command="cache.warm",job="nightly"} 99.5',
      '# HELP metrify_run_latency_seconds From the intended start.',
      '# TYPE metrify_run_latency_seconds histogram',
      'metrify_run_latency_seconds_bucket{command="cache.warm",job="nightly",name="read",le="0.1"} 3',
      'metrify_run_latency_seconds_bucket{command="cache.warm",job="nightly",name="read",le="1"} 5',
      'metrify_run_latency_seconds_bucket{command="cache.warm",job="nightly",name="read",le="+Inf"} 6',
      'metrify_run_latency_seconds_sum{command="cache.warm",job="nightly",name="read"} 4.25',
      'metrify_run_latency_seconds_count{command="cache.warm",job="nightly",name="read"} 6',
    ]);
  });

  it('keep any label on one line, and to be read back', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (job) => {
        const line = renderMetrics({ ...run, job }).split('\n')[2]!;
        const quoted = /job="((?:[^"\\\n]|\\[\\"n])*)"} 0$/.exec(line)![1]!;
        const read = quoted.replace(/\\(.)/g, (_, letter: string) => (letter === 'n' ? '\n' : letter));
        expect(read).toBe(job);
      }),
    );
  });

  it('are readable for the node exporter whatever the umask', async () => {
    const path = join(folder, 'run.prom');
    const before = process.umask(0o077);
    try {
      await writeMetricsFile(path, run);
    } finally {
      process.umask(before);
    }
    expect(statSync(path).mode & 0o777).toBe(0o644);
    expect(readFileSync(path, 'utf8')).toBe(renderMetrics(run));
    expect(readdirSync(folder)).toEqual(['run.prom']);
  });

  it.runIf(canMount)(
    'on a full disk leave the old file as it was, and nothing beside it',
    async (context) => {
      const disk = join(folder, 'disk');
      mkdirSync(disk);
      const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', disk]);
      if (mounted.status !== 0) context.skip(`cannot mount a small disk: ${String(mounted.stderr)}`);
      try {
        const path = join(disk, 'run.prom');
        await writeMetricsFile(path, run);
        expect(() => writeFileSync(join(disk, 'filler'), Buffer.alloc(128 * 1024))).toThrow(/ENOSPC/);
        await expect(writeMetricsFile(path, failed)).rejects.toThrow(/run\.prom.*ENOSPC/);
        expect(readFileSync(path, 'utf8')).toBe(renderMetrics(run));
        expect(readdirSync(disk).sort()).toEqual(['filler', 'run.prom']);
      } finally {
        execFileSync('umount', [disk]);
      }
    },
  );
});

needs('promtool')('the text format', () => {
  it('is what promtool takes, whatever the labels hold', () => {
    const check = (input: string) => spawnSync('promtool', ['check', 'metrics'], { input, encoding: 'utf8' });
    const labels = ['nightly', '', 'a"b\\c\nd', 'é✓', '{}=,'];
    for (const job of labels)
      for (const counts of [run.counts, {}, { 'x"\n': 1e21 }])
        for (const ended of [run.ended, undefined])
          expect(check(renderMetrics({ ...measured, job, counts, ended }))).toMatchObject({
            status: 0,
            stderr: '',
            stdout: '',
          });
    expect(check('metrify_run{job="a"b"} 1\n').status).not.toBe(0);
  });
});
