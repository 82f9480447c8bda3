import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { compileKey } from '../../../src/lib/cache/warm/key-template.js';
import { UserError } from '../../../src/lib/core/errors.js';
import type { RowSource } from '../../../src/lib/sources/row-source.js';

type Row = Record<string, string | null>;
const source = {
  column(name: string) {
    if (!['id', 'meter id', 'größe'].includes(name))
      throw new UserError(`no column '${name}'`, { code: 'COLUMN_MISSING' });
    return (row: Row) => row[name] ?? null;
  },
} as unknown as RowSource<Row>;
const keyOf = (template: string, row: Row) => compileKey(template, source)(row);

describe('a key template', () => {
  test.each([
    ['meter:{id}:latest', 'meter:7:latest'],
    ['{id}', '7'],
    ['{ id }-{meter id}', '7-m1'],
    ['{{{id}}}:x', '{7}:x'],
    ['{{a}}{id}{{}}', '{a}7{}'],
    ['{id}{id}', '77'],
    ['{{{id}', '{7'],
    ['zähler:{größe}', 'z\xc3\xa4hler:\xc3\xa4'],
  ])('%s', (template, key) => {
    expect(keyOf(template, { id: '7', 'meter id': 'm1', größe: '\xc3\xa4' })).toBe(key);
  });

  test('braces in values are not looked at again', () => {
    expect(keyOf('a:{id}', { id: '{id}' })).toBe('a:{id}');
  });

  test.each([null, ''])('a column that is %j makes no key', (id) => {
    expect(keyOf('a:{id}', { id })).toBeNull();
  });

  test.each(['', 'plain', '{{id}}', '{id', '{}', '{ }', 'id}', '{id}}', '{id}:}x'])(
    '%j is refused',
    (template) => {
      expect(() => compileKey(template, source)).toThrow(UserError);
    },
  );

  const text = fc.string({ unit: fc.constantFrom('{', '}', 'a', ':', 'ä', '€', '🔌', '\x00', ' ') });
  test('any literal text comes out as it is when its braces are doubled', () => {
    fc.assert(
      fc.property(text, text, (before, after) => {
        const double = (plain: string) => plain.replace(/[{}]/g, '$&$&');
        const bytes = (plain: string) => Buffer.from(plain, 'utf8').toString('latin1');
        expect(keyOf(`${double(before)}{id}${double(after)}`, { id: '7' })).toBe(
          `${bytes(before)}7${bytes(after)}`,
        );
      }),
    );
  });
});
