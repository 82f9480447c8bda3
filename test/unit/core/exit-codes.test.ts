import { expect, it } from 'vitest';

import { ExitCode, gravest } from '../../../src/lib/core/exit-codes.js';

it('of several exit codes the gravest counts: a bug, a stop, a result that is lost, then the verdicts', () => {
  const order = [1, 124, 130, 143, 5, 3, 6, 7, 0] as ExitCode[];
  order.forEach((code, i) => {
    for (const lesser of order.slice(i)) {
      expect(gravest(code, lesser)).toBe(code);
      expect(gravest(lesser, code)).toBe(code);
    }
  });
});

it('what never began stays what it was, also when a report of it is lost', () => {
  expect(gravest(ExitCode.usage, ExitCode.unavailable)).toBe(ExitCode.usage);
  expect(gravest(ExitCode.unavailable, ExitCode.refused)).toBe(ExitCode.refused);
});

it('there is a place for every code', () => {
  for (const code of Object.values(ExitCode)) expect(gravest(code)).toBe(code);
});
