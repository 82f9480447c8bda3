import { defineConfig } from 'vitest/config';

import { scaled } from './test/scale.js';

export default defineConfig({
  test: {
    include: ['test/{unit,integration,e2e}/**/*.test.{ts,tsx}'],
    exclude: ['dist', 'node_modules'],
    globalSetup: ['test/global-setup.ts'],
    setupFiles: ['test/servers/leave-with-the-run.ts'],
    pool: 'forks',
    maxWorkers: 2,
    // For a machine that is ten times as slow as a developer's: what hangs fails, what is slow does not.
    testTimeout: scaled(600_000),
    hookTimeout: 600_000,
    expect: { poll: { timeout: 60_000 } },
    reporters: ['default', './test/servers/summary-reporter.ts'],
  },
});
