import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type RunMetrics, renderMetrics, writeMetricsFile } from '../../../src/runtime/metrics-file.js';

const run: RunMetrics = {
  command: 'cache.warm',
  job: 'nightly',
  success: true,
  durationSeconds: 12.5,
  timestampSeconds: 1_767_225_600,
  items: { written: 10, failed: 0 },
};
const hasPromtool = spawnSync('promtool', ['--version']).status === 0;
const canMount = process.getuid?.() === 0 && process.platform === 'linux';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'metrify-metrics-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('run metrics', () => {
  it('have the names and labels that alerts are written against', () => {
    const samples = renderMetrics({ ...run, success: false })
      .split('\n')
      .filter((line) => !line.startsWith('#'));
    expect(samples).toEqual([
      'metrify_run_success{command="cache.warm",job="nightly"} 0',
      'metrify_run_duration_seconds{command="cache.warm",job="nightly"} 12.5',
      'metrify_run_timestamp_seconds{command="cache.warm",job="nightly"} 1767225600',
      'metrify_run_items{command="cache.warm",job="nightly",kind="written"} 10',
      'metrify_run_items{command="cache.warm",job="nightly",kind="failed"} 0',
      '',
    ]);
  });

  it.runIf(hasPromtool)('please promtool, whatever the labels hold', () => {
    for (const job of ['nightly', '', 'a"b\\c\nd', 'é✓', '{}=,'])
      for (const items of [run.items, {}, { 'x"\n': 1e21 }])
        execFileSync('promtool', ['check', 'metrics'], { input: renderMetrics({ ...run, job, items }) });
    expect(
      spawnSync('promtool', ['check', 'metrics'], { input: 'metrify_run{job="a"b"} 1\n' }).status,
    ).not.toBe(0);
  });

  it('keep any label on one line, and to be read back', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (job) => {
        const line = renderMetrics({ ...run, job }).split('\n')[2]!;
        const quoted = /job="((?:[^"\\\n]|\\[\\"n])*)"} 1$/.exec(line)![1]!;
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
        await expect(writeMetricsFile(path, { ...run, success: false })).rejects.toThrow(/run\.prom.*ENOSPC/);
        expect(readFileSync(path, 'utf8')).toBe(renderMetrics(run));
        expect(readdirSync(disk).sort()).toEqual(['filler', 'run.prom']);
      } finally {
        execFileSync('umount', [disk]);
      }
    },
  );
});
