// A service in plain JavaScript.
import assert from 'node:assert/strict';

import { openSearch } from 'metrify/search';

await assert.rejects(openSearch({}), { code: 'SETTINGS_INVALID', message: /'url' is missing/ });
await assert.rejects(openSearch({ url: 'http://127.0.0.1:1', pasword: 'x' }), {
  message: /did you mean 'password'/,
});
