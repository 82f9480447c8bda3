// A script in plain JavaScript.
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { readParquet, saveParquet } from 'metrify/columnar';

const folder = await mkdtemp(join(tmpdir(), 'metrify-consumer-'));
try {
  await saveParquet([{ meter: 'a', kwh: 1.5 }], folder);
  for await (const row of readParquet(folder)) assert.deepEqual(row, { meter: 'a', kwh: 1.5 });
  await assert.rejects(
    saveParquet([{ meter: 'a', kwh: Symbol('x') }], folder),
    /a symbol, which no type holds/,
  );
} finally {
  await rm(folder, { recursive: true });
}
