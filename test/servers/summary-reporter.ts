import type { Reporter, SerializedError, TestModule } from 'vitest/node';

import { SKIP_MARK } from './require.js';

/** At the end: one line for each group of tests that lacked something, then the counts, plain and alone on the last line. */
export default class SummaryReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly SerializedError[]): void {
    const count = { passed: 0, failed: errors.length, skipped: 0 };
    const missing = new Map<string, number>();
    for (const module of modules) {
      let failedTests = 0;
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state === 'passed') count.passed++;
        else if (state === 'failed') failedTests++;
        else {
          count.skipped++;
          const reason = test.fullName.split(SKIP_MARK)[1]?.split(' > ')[0];
          if (reason !== undefined) missing.set(reason, (missing.get(reason) ?? 0) + 1);
        }
      }
      // A file that could not be loaded, or whose hooks failed, counts even when none of its tests ran.
      count.failed += module.ok() ? failedTests : Math.max(1, failedTests);
    }
    for (const [reason, tests] of missing) {
      process.stdout.write(`skipped: ${reason} (${tests} ${tests === 1 ? 'test' : 'tests'})\n`);
    }
    process.stdout.write(`${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped\n`);
  }
}
