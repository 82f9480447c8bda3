// A CommonJS test suite in plain JavaScript.
const assert = require('node:assert/strict');
const { createServer } = require('node:http');

const { load } = require('metrify/load');

async function main() {
  const server = createServer((_, response) => response.end('ok'));
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${server.address().port}/`;
  const { sent, answered } = await load({ url, connections: 2, duration: '300ms' });
  assert.ok(sent > 0);
  assert.equal(answered, sent);
  // Both kinds of modules have the same functions.
  assert.equal((await import('metrify/load')).load, load);
  server.close();
}

main();
