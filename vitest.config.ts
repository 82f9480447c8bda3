import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/{unit,integration,e2e}/**/*.test.{ts,tsx}'],
    exclude: ['dist', 'node_modules'],
    globalSetup: ['test/global-setup.ts'],
    setupFiles: ['test/servers/leave-with-the-run.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 120_000,
    reporters: ['default', './test/servers/summary-reporter.ts'],
  },
});
