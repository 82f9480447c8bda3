import { PassThrough } from 'node:stream';

import * as fc from 'fast-check';
import { render } from 'ink';
import { expect, it } from 'vitest';

import type { LiveRun } from '../../../src/lib/load/live-run.js';
import { visibleWidth } from '../../../src/runtime/wrap.js';
import { LoadView } from '../../../src/ui/load-live.js';
import { sparkline } from '../../../src/ui/sparkline.js';

const stages = [
  { durationMs: 30_000, from: 0, to: 100 },
  { durationMs: 60_000, from: 100, to: 500 },
];
const plan = {
  title: 'GET http://127.0.0.1/x',
  durationMs: 90_000,
  drainMs: 5000,
  stages,
  of: 'rate' as const,
};
const second = { sent: 120, wanted: 125, p50: 12, p95: 80, p99: 900, errors: 2 };
const run: LiveRun = {
  elapsedMs: 40_000,
  seconds: [{ ...second, sent: 60 }, second],
  sent: 2000,
  answered: 1950,
  errors: 40,
  underWay: 45,
  connections: 30,
  p50: 11,
  p95: 70,
  p99: 800,
  thresholds: [
    { expression: 'p95<200ms', verdict: 'passed' },
    { expression: 'error_rate<1%', verdict: 'failed' },
    { expression: 'service_p95<1s' },
  ],
};

/** As a terminal of that width shows it, without colours. */
function shown(props: Parameters<typeof LoadView>[0]): string {
  const screen = Object.assign(new PassThrough(), { columns: props.width, isTTY: true });
  let text = '';
  screen.on('data', (data: Buffer) => (text = data.length > text.length ? data.toString() : text));
  const app = render(<LoadView {...props} />, {
    stdout: screen as unknown as NodeJS.WriteStream,
    debug: true,
    patchConsole: false,
  });
  app.unmount();
  // eslint-disable-next-line no-control-regex -- what a terminal does not show
  return text.replace(/\u001b\[[0-9;?]*[A-Za-z]/g, '');
}

it('shows the stage of users, too', () => {
  const users = [
    { durationMs: 30_000, from: 0, to: 20 },
    { durationMs: 60_000, from: 20, to: 20 },
    { durationMs: 10_000, from: 20, to: 1 },
  ];
  const at = (passedMs: number) =>
    shown({ plan: { ...plan, durationMs: 100_000, stages: users, of: 'users' }, run, passedMs, width: 60 });
  expect(at(1000)).toMatch(/1s of 1m 40s {2}stage 1 of 3: 0 to 20 users$/m);
  expect(at(40_000)).toMatch(/stage 2 of 3: 20 users$/m);
  expect(at(95_000)).toMatch(/stage 3 of 3: 20 to 1 user$/m);
});

it('shows rate, latencies, errors, stage and thresholds', () => {
  const text = shown({ plan, run, passedMs: 40_500, width: 100 });
  expect(text).toMatch(/40s of 1m 30s {2}stage 2 of 2: 100\/s to 500\/s/);
  expect(text).toMatch(/^sent +120\/s of 125\/s wanted +▅█$/m);
  expect(text).toMatch(/^p95 +80ms, in all 70ms /m);
  expect(text).toMatch(/^errors +40 \(2\.01%\)/m);
  expect(text).toMatch(/^under way +45 on 30 connections/m);
  expect(text).toMatch(/^holds +p95<200ms$/m);
  expect(text).toMatch(/^fails +error_rate<1%$/m);
  expect(text).toMatch(/^at the end +service_p95<1s$/m);
});

it('says what it waits for when all is sent', () => {
  expect(shown({ plan, run, passedMs: 91_000, width: 100 })).toContain('waits for 45 answers, at most 5s');
});

it('fits the terminal, whatever there is to be shown', () => {
  const count = fc.nat({ max: 2 ** 40 });
  const ms = fc.option(fc.double({ min: 0, max: 4e6, noNaN: true }));
  const seconds = fc.array(
    fc.record({ sent: count, wanted: fc.option(count), p50: ms, p95: ms, p99: ms, errors: count }),
    { minLength: 1, maxLength: 120 },
  );
  fc.assert(
    fc.property(
      fc.integer({ min: 40, max: 160 }),
      seconds,
      fc.string({ unit: 'binary' }),
      (width, seconds, text) => {
        const all = { ...run, seconds, thresholds: [{ expression: `x${text}` }] };
        const lines = shown({ plan: { ...plan, title: text }, run: all, passedMs: 5000, width }).split('\n');
        for (const line of lines) expect(visibleWidth(line)).toBeLessThanOrEqual(width);
      },
    ),
    { numRuns: 50 },
  );
});

it('a sparkline keeps its peaks in however few columns, and leaves what is not known blank', () => {
  expect(sparkline([0, 1, 2, 3, 4, 5, 6, 7, 8], 9)).toBe('▁▂▃▄▅▆▇██');
  expect(sparkline([null, 0, null, 4], 4)).toBe(' ▁ █');
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: 0, max: 1e9, noNaN: true }), { minLength: 1 }),
      fc.integer({ min: 1, max: 80 }),
      (values, columns) => {
        const line = sparkline(values, columns);
        expect(line.length).toBeLessThanOrEqual(columns);
        expect(line.includes('█')).toBe(Math.max(...values) > 0);
      },
    ),
  );
});
