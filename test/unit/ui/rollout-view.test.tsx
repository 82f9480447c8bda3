import { PassThrough } from 'node:stream';
import * as fc from 'fast-check';
import { render } from 'ink';
import { expect, it } from 'vitest';

import { intervalLine, RolloutView, type RolloutViewProps } from '../../../src/ui/rollout-live.js';
import { exampleState } from '../rollout/example-state.js';

/** As a terminal of that width shows it, without colours. */
function shown(props: Partial<RolloutViewProps>): string {
  const width = props.width ?? 100;
  const screen = Object.assign(new PassThrough(), { columns: width, isTTY: true });
  // A frame is written whole; other writes are short.
  let text = '';
  screen.on('data', (data: Buffer) => (text = data.length > text.length ? data.toString() : text));
  const all = {
    state: exampleState,
    did: 'waiting',
    warnings: [],
    waits: ['1m 5s of at least 2m in this step'],
    width,
  };
  const app = render(<RolloutView {...all} {...props} />, {
    stdout: screen as unknown as NodeJS.WriteStream,
    debug: true,
    patchConsole: false,
  });
  app.unmount();
  // eslint-disable-next-line no-control-regex -- what a terminal does not show
  return text.replace(/\u001b\[[0-9;?]*[A-Za-z]/g, '');
}

const errors = {
  name: 'errors',
  verdict: 'waiting',
  observed: '1% of 200 against 0.5% of 1,000; increase −0.4 to 1.9 points',
  limit: 'an increase of at most 1 point',
  numbers: {
    stable: 5,
    stableOf: 1000,
    canary: 2,
    canaryOf: 200,
    lower: -0.004,
    upper: 0.019,
    tolerance: 0.01,
  },
} as const;

it('shows weights, both versions side by side, the verdict, and how to leave', () => {
  const text = shown({
    state: { ...exampleState, checks: [errors] },
    warnings: ['stable itself is unhealthy'],
  });
  for (const part of [
    /web\s+v1 → v2/,
    /step 2 of 3/,
    /waits for 1m 5s of at least 2m in this step/,
    /progressing/,
    /v1\s+50% █+░+/,
    /v2\s+50% █+░+/,
  ])
    expect(text).toMatch(part);
  expect(text).toMatch(/0\.50% of 1,000\s+1\.00% of 200/);
  expect(text).toMatch(/errors\s+waiting/);
  expect(text).toMatch(/━┃━/);
  expect(text).toMatch(/stable itself is unhealthy/);
  expect(text).toMatch(/Ctrl-C holds/);
});

it('shows checks without numbers, and none', () => {
  const { numbers: _, ...plain } = errors;
  expect(shown({ state: { ...exampleState, checks: [plain] } })).toMatch(/errors\s+waiting/);
  expect(shown({ state: { ...exampleState, checks: [] } })).toMatch(/v1 → v2/);
});

it('fits into a narrow terminal', () => {
  for (const width of [30, 44, 80]) {
    const lines = shown({ state: { ...exampleState, checks: [errors] }, width }).split('\n');
    for (const line of lines) expect(line.length, line).toBeLessThanOrEqual(width);
  }
});

it('draws the interval where it is: left of the limit for a pass, right of it for a rejection', () => {
  fc.assert(
    fc.property(
      fc.double({ min: -0.2, max: 0.2, noNaN: true }),
      fc.double({ min: 0, max: 0.3, noNaN: true }),
      fc.double({ min: 0.001, max: 0.05, noNaN: true }),
      fc.integer({ min: 18, max: 120 }),
      (lower, length, tolerance, width) => {
        const line = intervalLine(lower, lower + length, tolerance, width);
        expect(line).toHaveLength(width);
        const limit = line.indexOf('┃');
        expect(limit).toBeGreaterThan(0);
        const drawn = [...line].flatMap((cell, i) => (/[━‹›]/.test(cell) ? [i] : []));
        if (lower + length < tolerance) expect(drawn.every((i) => i < limit)).toBe(true);
        if (lower > tolerance) expect(drawn.every((i) => i > limit)).toBe(true);
      },
    ),
  );
});
