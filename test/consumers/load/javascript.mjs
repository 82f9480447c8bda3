// A test suite in plain JavaScript.
import assert from 'node:assert/strict';

import { assertThresholds, load } from 'metrify/load';

// Nobody listens at port 1.
const result = await load({ url: 'http://127.0.0.1:1/', rate: 10, duration: '300ms' });
assert.equal(result.failed, result.sent);
assert.throws(() => assertThresholds(result), /none of 3 requests was answered: refused/);
