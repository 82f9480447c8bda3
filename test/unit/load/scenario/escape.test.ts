import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { escapeFor } from '../../../../src/lib/load/scenario/escape.js';
import { fillText } from '../../../../src/lib/load/scenario/fill.js';
import { parseTemplate } from '../../../../src/lib/load/scenario/template.js';
import { formText, jsonText, textOf } from '../../../../src/lib/load/scenario/text.js';

const any = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string(),
  fc.constantFrom('/', '../..', 'a&b=c', '"', '\r\nX: y', '?#', '{x}', '%2F', '\ud800', ''),
);
/** Half of a surrogate pair cannot be sent: U+FFFD is. */
const sent = (text: string) => Buffer.from(text).toString();
const scopeOf = (value: string) => ({
  constants: new Map([['v', value]]),
  captured: new Set<string>(),
  columnOf: () => undefined,
});
const none = { column: () => '', captured: () => '' };

describe('a value stays one value, whatever it holds', () => {
  it('in a path and in its query', () => {
    fc.assert(
      fc.property(any, (value) => {
        const path = fillText(textOf('/a/{v}/b?c={v}&d=1', scopeOf(value), 'path'), none);
        // Read by Node, after it left.
        const [below, query] = path.split('?') as [string, string];
        expect(below.split('/').map(decodeURIComponent)).toEqual(['', 'a', sent(value), 'b']);
        expect([...new URLSearchParams(query)]).toEqual([
          ['c', sent(value)],
          ['d', '1'],
        ]);
        expect(path).toMatch(/^[!-~]+$/);
      }),
    );
  });

  it('in JSON', () => {
    fc.assert(
      fc.property(any, (value) => {
        const body = { a: ['{v}', 'x "{v}" \n'], 'b"': { c: 1.5, d: null, e: true } };
        expect(JSON.parse(fillText(jsonText(body, scopeOf(value)), none))).toEqual({
          ...body,
          a: [value, `x "${value}" \n`],
        });
      }),
    );
  });

  it('in a form', () => {
    fc.assert(
      fc.property(any, (value) => {
        const text = fillText(formText({ 'a b': 'x&{v}', c: '{v}' }, scopeOf(value)), none);
        expect([...new URLSearchParams(text)]).toEqual([
          ['a b', `x&${sent(value)}`],
          ['c', sent(value)],
        ]);
      }),
    );
  });

  it('in a header, of which it cannot begin another', () => {
    fc.assert(
      fc.property(any, (value) => {
        expect(escapeFor('header', value)).toMatch(/^[\x20-\x7e\x80-\xff]*$/);
      }),
    );
    expect(Buffer.from(escapeFor('header', 'zürich'), 'latin1').toString()).toBe('zürich');
  });
});

describe('a template', () => {
  it.each([
    ['/a/{b}/c', ['/a/', { fill: 'b' }, '/c']],
    ['{a}{b.c d}', [{ fill: 'a' }, { fill: 'b.c d' }]],
    ['{{a}}', ['{a}']],
    ['{"a": {"b": "{c}"}}', ['{"a": {"b": "', { fill: 'c' }, '"}}']],
    ['{ a }{1}{}{', ['{ a }{1}{}{']],
    ['', ['']],
  ])('%s', (text, parts) => {
    expect(parseTemplate(text)).toEqual(parts);
  });
});
