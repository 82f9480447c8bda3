import { expect, test } from 'vitest';

import { metrify } from '../run.js';

test.each([
  [['read', 's3://lake/readings'], 's3://lake/readings is in S3', 'aws s3 cp --recursive s3://lake/readings'],
  [
    ['inspect', '.', '--name', 'readings'],
    '--name is the name of the table that --ddl makes',
    'Give --ddl too',
  ],
])('export %s is refused', async (args, message, hint) => {
  const { code, stderr } = await metrify(['export', ...args]);
  expect(code).toBe(2);
  expect(stderr).toContain(message);
  expect(stderr).toContain(hint);
});
