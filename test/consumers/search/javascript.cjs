// A CommonJS service in plain JavaScript.
const assert = require('node:assert/strict');

const { openSearch } = require('metrify/search');

async function main() {
  await assert.rejects(openSearch({ url: 'http://127.0.0.1:1' }), { code: 'SERVICE_UNAVAILABLE' });
  // Both kinds of modules have the same functions.
  assert.equal((await import('metrify/search')).openSearch, openSearch);
}

main();
