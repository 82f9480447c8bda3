import { createHash } from 'node:crypto';

import { expect, it } from 'vitest';

import type { ByteString } from '../../../src/lib/core/bytes.js';
import { Ordinals } from '../../../src/lib/search/bulk/ordinals.js';
import { replayable } from '../../random.js';

it('ordinals count how often an id came before, through several growths', () => {
  const { random } = replayable('ids');
  const ordinals = new Ordinals();
  const counts = new Map<string, number>();
  for (let i = 0; i < 60_000; i++) {
    const id = createHash('sha256')
      .update(String(Math.floor(random() * 30_000)))
      .digest('base64url');
    const before = counts.get(id) ?? 0;
    counts.set(id, before + 1);
    if (ordinals.next(id as ByteString) !== before) expect.fail(`${id} came ${before} times before`);
  }
  expect(counts.size).toBeGreaterThan(20_000);
});
