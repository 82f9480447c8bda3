import fc from 'fast-check';
import { expect, it } from 'vitest';

import { Redactor } from '../../../src/lib/core/secrets/redactor.js';

const secret = fc.string({ minLength: 6, maxLength: 20 }).map((text) => `Qz7${text}7zQ`);

it('hides what it has learned, wherever it stands and however it is written', () => {
  fc.assert(
    fc.property(secret, fc.string(), fc.string(), (known, before, after) => {
      const redactor = new Redactor();
      redactor.learn(known);
      for (const written of [known, encodeURIComponent(known), JSON.stringify(known).slice(1, -1)])
        expect(redactor.text(before + written + after)).not.toContain(written);
      const shown = JSON.stringify(redactor.data({ [known]: [{ text: `a ${known} b` }] }));
      expect(shown).not.toContain(JSON.stringify(known).slice(1, -1));
    }),
  );
});

it('learns the passwords of URLs, and not their hosts', () => {
  const redactor = new Redactor();
  redactor.learnUrl('redis://ann:s3cr%40t99@cache.internal:6379,redis://cache2.internal?token=t0k3n99');
  expect(redactor.text('s3cr@t99, s3cr%40t99 and t0k3n99 at cache.internal and cache2.internal')).toBe(
    '***, *** and *** at cache.internal and cache2.internal',
  );
});

it('learns the token of a header', () => {
  const redactor = new Redactor();
  redactor.learn('Bearer abcdefghijk');
  expect(redactor.text('invalid token abcdefghijk')).toBe('invalid token ***');
});

it('leaves words that texts are of no use without', () => {
  const redactor = new Redactor();
  redactor.learnUrl('postgres://postgres:postgres@h/db', new Set(['postgres']));
  expect(redactor.text('postgres.url postgres://postgres:postgres@h/db')).toBe(
    'postgres.url postgres://postgres:***@h/db',
  );
});

it('leaves numbers, lists and what is short as they are', () => {
  const redactor = new Redactor();
  redactor.learn('short');
  const data = { a: [1, null, true, 2n], b: undefined, c: 'short' };
  expect(redactor.data(data)).toEqual(data);
});

it('hides what it has learned whatever looks like a secret around it, or in it', () => {
  const around = fc.constantFrom(
    '',
    'authorization: ',
    'password=',
    '"token": "',
    'redis://u:',
    'a@b',
    '"',
    ' ',
  );
  fc.assert(
    fc.property(secret, around, around, (known, before, after) => {
      const redactor = new Redactor();
      redactor.learn(known);
      // Neither its end nor its beginning.
      expect(redactor.text(before + known + after)).not.toMatch(/Qz7|7zQ/);
    }),
  );
});
