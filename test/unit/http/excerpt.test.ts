import fc from 'fast-check';
import { expect, test } from 'vitest';

import { excerpt } from '../../../src/lib/http/excerpt.js';

test('an excerpt is bounded, on one line, and has no control characters', () => {
  const texts = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.string({ unit: fc.constantFrom('\u001b', '\r', '\n', '\u009b', '\u202e', 'a', '😀') }),
  );
  fc.assert(
    fc.property(texts, fc.integer({ min: 1, max: 40 }), (text, longest) => {
      const short = excerpt(text, longest);
      expect([...short].length).toBeLessThanOrEqual(longest + 1);
      expect(short).not.toMatch(/[\p{Cc}\u202a-\u202e\u2028\u2029]/u);
      if ([...short].length <= longest && /^[a-z ]*$/.test(text))
        expect(short).toBe(text.replace(/ +/g, ' ').trim());
    }),
  );
});

test('an excerpt hides passwords, also where it is cut', () => {
  const text = `could not reach https://admin:hunter2secret@db:5432/x, ${'.'.repeat(100)}`;
  for (let longest = 10; longest < 80; longest++) expect(excerpt(text, longest)).not.toContain('hunter');
  expect(excerpt(text, 60)).toContain('https://admin:***@db');
});

test('an excerpt of a very long text costs no time', () => {
  expect(excerpt('a '.repeat(50_000_000), 20)).toBe('a a a a a a a a a a …');
});
