import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { readUrl, type UrlPart, type UrlShape } from '../../../src/lib/core/url.js';
import { replayable } from '../../random.js';

const { seed } = replayable('URLs');
const every: UrlShape = { schemes: ['redis', 'postgres'], parts: ['login', 'path', 'query'] };

describe('readUrl', () => {
  it('gives back what was percent-encoded, whatever it is', () => {
    const text = fc.string({ unit: 'grapheme', minLength: 1 });
    fc.assert(
      fc.property(text, text, text, fc.integer({ min: 1, max: 65_535 }), (username, password, path, port) => {
        fc.pre(!/^\.{1,2}$/.test(path));
        const encode = encodeURIComponent;
        expect(
          readUrl(`redis://${encode(username)}:${encode(password)}@10.0.0.1:${port}/${encode(path)}`, every),
        ).toMatchObject({ scheme: 'redis', username, password, host: '10.0.0.1', port, path });
      }),
      { seed },
    );
  });

  // A slash, ? or # at the end, a colon before no port and a zero before a port say nothing.
  it('reads another URL, or refuses it, when any character is added to one', () => {
    const whole = 'postgres://user:pa%20ss@host:5432/meters?sslmode=require';
    const before = JSON.stringify(shown(readUrl(whole, every)));
    const added = fc
      .oneof(
        fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
        fc.constantFrom(...'\t\n\r\0 %@\\.&='),
      )
      .filter((character) => !'/?#:0'.includes(character));
    fc.assert(
      fc.property(fc.nat({ max: whole.length }), added, (at, character) => {
        const text = whole.slice(0, at) + character + whole.slice(at);
        let after: string;
        try {
          after = JSON.stringify(shown(readUrl(text, every)));
        } catch (error) {
          expect(error).toMatchObject({ code: 'URL_INVALID', exitCode: 2 });
          return;
        }
        // The parameters are read by the system.
        if (text.slice(0, at).includes('?') && '&='.includes(character)) return;
        expect(after).not.toBe(before);
      }),
      { seed, numRuns: 5000 },
    );
  });

  it.each<[url: string, part: string, parts: UrlPart[]]>([
    ['redis://u@h', 'a user', []],
    ['redis://:p@h', 'a password', []],
    ['redis://h/1', 'a path', ['login']],
    ['redis://h?db=1', 'a query', ['login', 'path']],
    ['redis://h/1#2', 'a fragment', ['login', 'path', 'query']],
    ['redis://u:pa%zz@h', 'password holds a %', ['login']],
    ['redis://u%@h', 'user holds a %', ['login']],
    ['redis://u:%ff@h', 'password holds a %', ['login']],
    ['redis://h%zz', 'host holds a %', []],
    ['redis://h/%zz', 'path holds a %', ['path']],
    ['redis://h?a=%zz', 'query holds a %', ['query']],
    ['redis://u:p\td@h', 'a control character', ['login']],
    [' redis://h', 'a space at an end', []],
    ['redis://u:p\ufffd@h', 'not UTF-8', ['login']],
    ['redis://h:0', 'the port 0', []],
    ['redis:///0', 'without a host', ['path']],
    ['redis:h', 'is not a URL with redis://', []],
    ['h:6379', 'is not a URL with redis://', []],
    ['127.0.0.1:6379', 'is not a URL', []],
    ['redis://h:70000', 'is not a URL', []],
  ])('refuses %j: %s', (url, part, parts) => {
    const read = () => readUrl(url, { schemes: ['redis'], parts });
    expect(read).toThrow(part);
    expect(read).toThrow(expect.objectContaining({ code: 'URL_INVALID' }));
  });
});

function shown({ query, ...parts }: ReturnType<typeof readUrl>): object {
  return { ...parts, query: query.toString() };
}
