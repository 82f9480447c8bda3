import { expect, test } from 'vitest';

import { type ByteString, toBytes } from '../../../../src/lib/core/bytes.js';
import { exactValue } from '../../../../src/lib/search/query/exact-value.js';
import { hitLine } from '../../../../src/lib/search/query/hit-line.js';

const hit = {
  id: toBytes('é"1'),
  routing: toBytes('north'),
  version: '9007199254740993',
  source: toBytes(
    '{"big": 9007199254740993,\r\n "small":1.0,"text":"a\\nb é","meter":{"id":7},"a.b":1,"a":{"b":2}}',
  ),
};

test('a line is the document with every digit, and no line break', () => {
  expect(hitLine(hit, { meta: false })).toBe(
    toBytes('{"big": 9007199254740993,  "small":1.0,"text":"a\\nb é","meter":{"id":7},"a.b":1,"a":{"b":2}}'),
  );
});

test('with what it takes to write it back', () => {
  expect(JSON.parse(Buffer.from(hitLine(hit, { meta: true }), 'latin1').toString())).toEqual({
    _id: 'é"1',
    _routing: 'north',
    _version: 9007199254740992,
    _source: { big: 9007199254740992, small: 1, text: 'a\nb é', meter: { id: 7 }, 'a.b': 1, a: { b: 2 } },
  });
  expect(hitLine(hit, { meta: true })).toContain('"_version":9007199254740993');
});

test('fields by name or path, in the order asked for; a name that stands there goes before a path', () => {
  expect(hitLine(hit, { meta: false, fields: ['meter.id', 'small', 'none', 'a.b'] })).toBe(
    '{"meter.id":7,"small":1.0,"a.b":1}',
  );
});

test.each([
  ['[1,1.0,-0.5,1e3,0.1]', [1, 1, -0.5, 1000, 0.1]],
  ['9007199254740993', '9007199254740993'],
  [
    '{"n":0.1000000000000000055511151231257827,"__proto__":1}',
    { n: '0.1000000000000000055511151231257827', ['__proto__']: 1 },
  ],
  ['123456789012345678901234567890', '123456789012345678901234567890'],
  ['1e400', '1e400'],
  ['{"a":[null,true,"x\\u00e9"]}', { a: [null, true, 'xé'] }],
])('%s keeps its digits as a value', (json, value) => {
  expect(exactValue(json as ByteString)).toEqual(value);
});
