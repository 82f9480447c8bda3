import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { globText, keyText, readKey } from '../../../src/lib/cache/key-text.js';
import { compileGlob, readGlob } from '../../../src/lib/cache/glob.js';
import { toBytes, type ByteString } from '../../../src/lib/core/bytes.js';
import { escapeLine } from '../../../src/runtime/escape.js';
import { replayable } from '../../random.js';

const { seed } = replayable('keys');
/** Any bytes, with many of those that mean something to the text of keys. */
const key = fc
  .array(
    fc.oneof(
      fc.integer({ min: 0, max: 255 }).map((byte) => String.fromCharCode(byte)),
      fc
        .constantFrom(
          '\\',
          'x',
          '4',
          '1',
          'f',
          '\\x41',
          '\\u0041',
          '\\ud800',
          'u',
          '0',
          'é',
          '\u202e',
          '\ufffd',
          '\x9b',
        )
        .map(toBytes),
    ),
    { maxLength: 12 },
  )
  .map((parts) => parts.join('') as ByteString);

describe('the text of a key', () => {
  it('is read as that key, and as no other', () => {
    fc.assert(
      fc.property(key, (bytes) => {
        expect(readKey(keyText(bytes))).toBe(bytes);
      }),
      { seed, numRuns: 5000 },
    );
  });

  it('is printed as it is, and never refused', () => {
    fc.assert(
      fc.property(key, (bytes) => {
        const text = keyText(bytes);
        expect(escapeLine(text)).toBe(text);
        expect(text).not.toContain('\ufffd');
        // What another program reads of it is the same.
        expect(Buffer.from(text).toString()).toBe(text);
      }),
      { seed, numRuns: 5000 },
    );
  });

  it.each([
    ['meter:17:latest', 'meter:17:latest'],
    ['Zähler:✓:😀 *?[a]', 'Zähler:✓:😀 *?[a]'],
    [String.raw`App\Models\User:1`, String.raw`App\Models\User:1`],
    ['a\\', 'a\\'],
    [String.raw`a\\b`, String.raw`a\\\b`],
    [String.raw`a\x41`, String.raw`a\\x41`],
    ['a\n\t\x1b', String.raw`a\x0a\x09\x1b`],
    ['a\\\n', String.raw`a\\\x0a`],
    ['a\u202eb', 'a\\u202eb'],
    ['a\x9b', String.raw`a\xc2\x9b`],
    ['a\\u202e', 'a\\\\u202e'],
    ['a\\ud800', 'a\\ud800'],
    ['\ufffd', String.raw`\xef\xbf\xbd`],
    ['', ''],
  ])('of %j is %s', (name, text) => {
    expect(keyText(toBytes(name))).toBe(text);
    expect(readKey(text)).toBe(toBytes(name));
  });

  it('of bytes that are not UTF-8 has the others as they are', () => {
    expect(keyText('u:\x92\xb5/\xc3\xa9/\xc3\xed\xa0\x80' as ByteString)).toBe(
      String.raw`u:\x92\xb5/é/\xc3\xed\xa0\x80`,
    );
  });

  it('leaves a backslash that escapes nothing', () => {
    expect(readKey(String.raw`a\b\xg1\X41`)).toBe(String.raw`a\b\xg1\X41`);
  });
});

describe('what is not UTF-8 on the command line', () => {
  it('is refused with the form that is right', () => {
    for (const read of [readKey, readGlob])
      expect(() => read('u:\ufffd')).toThrow(
        expect.objectContaining({ exitCode: 2, hint: expect.stringContaining(String.raw`\xHH`) }),
      );
  });
});

describe('the text of a glob', () => {
  it('matches the key whose characters it escapes, and no other', () => {
    const escaped = (bytes: ByteString) => globText(bytes.replace(/[*?[\]\\]/g, '\\$&') as ByteString);
    fc.assert(
      fc.property(key, key, (bytes, other) => {
        const matches = compileGlob(escaped(bytes));
        expect(matches(bytes)).toBe(true);
        expect(matches(other)).toBe(other === bytes);
      }),
      { seed, numRuns: 5000 },
    );
  });
});
