// A CommonJS script in plain JavaScript.
const assert = require('node:assert/strict');

const { saveParquet } = require('metrify/columnar');

async function main() {
  await assert.rejects(saveParquet([], 'never-written'), { code: 'TYPE_UNCLEAR', exitCode: 2 });
  // Both kinds of modules have the same functions.
  assert.equal((await import('metrify/columnar')).saveParquet, saveParquet);
}

main();
