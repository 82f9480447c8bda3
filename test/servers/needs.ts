import { describe, test } from 'vitest';

import { lacking, SKIP_MARK, type Requirement } from './require.js';

/**
 * `needs('redis', 'psql')('warm from SQL', () => { … })`: `describe`, where this machine has all of that. Elsewhere
 * the tests are skipped and the run says once why; with METRIFY_TEST_REQUIRE=all they fail.
 */
export function needs(...names: Requirement[]): (title: string, body: () => void) => void {
  const reasons = lacking(...names);
  if (reasons.length === 0) return (title, body) => void describe(title, body);
  const reason = reasons.join(', ');
  if (process.env['METRIFY_TEST_REQUIRE'] !== 'all') {
    return (title, body) => void describe.skip(`${title}${SKIP_MARK}${reason}`, body);
  }
  return (title) =>
    void test(`${title} can run`, () => {
      throw new Error(reason);
    });
}
