import { execFile, execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { afterEach, beforeEach, expect, it } from 'vitest';

import type { LoadResult } from '../../../src/lib/load/result.js';
import { needs } from '../../servers/needs.js';
import { metrify } from '../run.js';
import { http, loadOnceQuiet } from './run-load.js';

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'metrify-report-'))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** One in ten is an error, and one in twenty has no answer. */
const faulty = () =>
  http((_, response, n) => {
    if (n % 20 === 7) return;
    response.writeHead(n % 10 === 3 ? 503 : 200).end('ok');
  });

function resultIn(page: string): LoadResult {
  const [, json] = /<script type="application\/json" id="result">(.*?)<\/script>/s.exec(page)!;
  return JSON.parse(json!) as LoadResult;
}

it('a report has the numbers of the result, and so has that of the saved run', async () => {
  const [report, save, again] = ['report.html', 'run.json', 'again.html'].map((name) => join(folder, name));
  const args = ['--rate', '100', '--duration', '2s', '--drain', '500ms', '--threshold', 'error_rate<1%'];
  const run = await loadOnceQuiet(['run', await faulty(), ...args, '--report', report!, '--save', save!]);
  expect(run.code).toBe(3);
  const page = readFileSync(report!, 'utf8');
  expect(resultIn(page)).toEqual(run.result);
  expect(page).toContain('<div class="verdict bad">failed</div>');
  const merged = await metrify(['load', 'merge', save!, '--report', again!]);
  expect(merged.code, merged.stderr).toBe(3);
  expect(resultIn(readFileSync(again!, 'utf8'))).toMatchObject({
    sent: run.result.sent,
    latencyMs: run.result.latencyMs,
  });
});

it('has the numbers of a replay, too', async () => {
  const [log, report] = ['access.log', 'report.html'].map((name) => join(folder, name));
  const lines = Array.from({ length: 20 }, (_, n) =>
    JSON.stringify({ time: new Date(1e12 + 50 * n).toISOString(), method: 'GET', path: '/x', status: 200 }),
  );
  writeFileSync(log!, `${lines.join('\n')}\n`);
  const url = await http((_, response) => response.end('ok'));
  const { code, json } = await metrify(['load', 'replay', log!, '--url', url, '--report', report!, '--json']);
  expect(code).toBe(0);
  const page = readFileSync(report!, 'utf8');
  expect(resultIn(page)).toMatchObject({ sent: 20, answered: 20 });
  expect(resultIn(page).latencyMs).toEqual(json<{ result: LoadResult }>().result.latencyMs);
  expect(page).toContain(`the requests of ${log}`);
});

it('says when names share a row, since there are too many of them', async () => {
  const [log, summary] = ['access.log', 'summary.md'].map((name) => join(folder, name));
  const word = (n: number) => n.toString(26).replace(/\d/g, (digit) => 'qrstuvwxyz'[Number(digit)]!);
  const lines = Array.from({ length: 1040 }, (_, n) =>
    JSON.stringify({ time: '2026-10-10T13:55:36Z', method: 'GET', path: `/x${word(n)}`, status: 200 }),
  );
  writeFileSync(log!, `${lines.join('\n')}\n`);
  const url = await http((_, response) => response.end('ok'));
  const { stdout } = await metrify(['load', 'replay', log!, '--url', url, '--summary-file', summary!]);
  const warning = "there were more than 1,000 names of requests: 40 requests are counted together as 'other'";
  expect(stdout).toContain(`warn  ${warning}`);
  expect(readFileSync(summary!, 'utf8')).toContain(`⚠️ ${warning}`);
});

it('a report that cannot be written is refused before any request is sent', async () => {
  let requests = 0;
  const url = await http((_, response) => {
    requests++;
    response.end();
  });
  const { code, stderr } = await metrify([
    ...['load', 'run', url, '--rate', '10', '--duration', '1s'],
    ...['--report', join(folder, 'nowhere', 'report.html')],
  ]);
  expect(code).toBe(2);
  expect(stderr).toMatch(/--report .* cannot be written: its folder does not exist/);
  expect(requests).toBe(0);
});

needs('root')('on a small disk', () => {
  let disk: string;
  beforeEach(() => {
    disk = join(folder, 'disk');
    mkdirSync(disk);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=32k', 'tmpfs', disk]);
  });
  afterEach(() => void execFileSync('umount', [disk]));

  it('a report that does not fit is exit 5, and the result is printed all the same', async () => {
    const url = await http((_, response) => response.end('ok'));
    const args = ['--rate', '20', '--duration', '1s', '--report', join(disk, 'report.html')];
    const { code, stdout, stderr } = await metrify(['load', 'run', url, ...args]);
    expect(code).toBe(5);
    expect(stdout).toContain('20 requests in 1s');
    expect(stderr).toMatch(/the report .*report\.html was not written: ENOSPC/);
  });
});

needs('chromium')('in a browser', () => {
  // A window is at least 500 pixels wide.
  it.each([1200, 500])('of %i pixels its charts are drawn, and nothing is refused', async (width) => {
    const report = join(folder, 'report.html');
    const args = ['--rate', '100', '--duration', '2s', '--drain', '500ms', '--report', report];
    const { result } = await loadOnceQuiet(['run', await faulty(), ...args]);
    expect(result.errors.total + result.incomplete).toBeGreaterThan(0);
    const { stdout, stderr } = await promisify(execFile)(
      'chromium',
      [
        ...['--headless=new', '--no-sandbox', '--disable-gpu', `--user-data-dir=${join(folder, 'profile')}`],
        ...['--enable-logging=stderr', `--window-size=${width},900`, '--dump-dom', `file://${report}`],
      ],
      { maxBuffer: 64e6, timeout: 300_000 },
    );
    const charts = [...stdout.matchAll(/<figcaption>(.*?)<\/figcaption>/g)].map(([, title]) => title);
    expect(charts).toEqual([
      'Rate: wanted, sent, answered',
      'Response time of requests by when they were due',
      'Errors by when the request was due',
      'Distribution of response time',
      'Open connections',
    ]);
    const widths = [...stdout.matchAll(/<canvas width="(\d+)"/g)].map(([, pixels]) => Number(pixels));
    expect(widths).toHaveLength(charts.length);
    for (const pixels of widths) expect(pixels).toBeGreaterThan(100);
    for (const pixels of widths) expect(pixels).toBeLessThan(width);
    // What a page's policy refuses, and what its script throws, is told on the console.
    expect(stderr).not.toMatch(/CONSOLE/);
  });
});
