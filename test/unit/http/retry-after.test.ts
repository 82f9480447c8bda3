import { expect, test } from 'vitest';

import { retryAfterMs } from '../../../src/lib/http/retry-after.js';

test('Retry-After is seconds or a date', () => {
  const now = Date.parse('2025-10-10T10:00:00Z');
  expect(retryAfterMs('3', now)).toBe(3000);
  expect(retryAfterMs('Fri, 10 Oct 2025 10:00:07 GMT', now)).toBe(7000);
  expect(retryAfterMs('Fri, 10 Oct 2025 09:00:00 GMT', now)).toBe(0);
  expect(retryAfterMs('soon', now)).toBeUndefined();
  expect(retryAfterMs(undefined, now)).toBeUndefined();
});
