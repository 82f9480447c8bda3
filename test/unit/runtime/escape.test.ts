import fc from 'fast-check';
import { expect, it } from 'vitest';

import { toJson } from '../../../src/runtime/escape.js';

const anything = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({
    unit: fc.constantFrom('\u202e', '\u2069', '\u200f', '\u061c', '\x9b', '\x7f', '\x00', '\\', '"', 'a'),
  }),
);

it('JSON is one line of text that reads back as what it was', () => {
  fc.assert(
    fc.property(anything, anything, (key, value) => {
      const json = toJson({ [`k${key}`]: [value] });
      expect(json).not.toMatch(/[\p{Cc}\p{Bidi_Control}]/u);
      expect(JSON.parse(json)).toEqual({ [`k${key}`]: [value] });
    }),
  );
});

it('JSON writes big integers as strings', () => {
  expect(toJson({ id: 2n ** 64n })).toBe('{"id":"18446744073709551616"}');
});
