import fc from 'fast-check';
import { expect, test } from 'vitest';

import { type ByteString, fromBytes, toBytes } from '../../../src/lib/core/bytes.js';
import { JsonCursor, NotJson } from '../../../src/lib/sources/json-cursor.js';
import { replayable } from '../../random.js';
import { scaled } from '../../scale.js';

const { seed } = replayable('JSON that is walked');

/** The value again, put together from what the cursor visits. */
function rebuilt(cursor: JsonCursor): unknown {
  if (cursor.first() === '{') {
    const members: [string, unknown][] = [];
    cursor.members((name) => members.push([JSON.parse(fromBytes(name)) as string, rebuilt(cursor)]));
    return Object.fromEntries(members);
  }
  if (cursor.first() === '[') {
    const elements: unknown[] = [];
    cursor.elements(() => elements.push(rebuilt(cursor)));
    return elements;
  }
  return JSON.parse(fromBytes(cursor.value()));
}

const json = fc
  .tuple(fc.jsonValue(), fc.constantFrom(undefined, 1, '\t'))
  .map(
    ([value, space]) => [JSON.stringify(value), toBytes(JSON.stringify(value, undefined, space))] as const,
  );

test('visits what JSON.parse makes, with and without white space', () => {
  fc.assert(
    fc.property(json, ([plain, text]) => {
      const cursor = new JsonCursor(text);
      expect(JSON.stringify(rebuilt(cursor))).toBe(JSON.stringify(JSON.parse(plain)));
      cursor.end();
    }),
    { seed, numRuns: scaled(300) },
  );
});

test('a value is the bytes that stand there', () => {
  fc.assert(
    fc.property(fc.array(json), (values) => {
      const read: string[] = [];
      const cursor = new JsonCursor(`[ ${values.map(([, text]) => text).join(' , ')} ]` as ByteString);
      cursor.elements(() => read.push(cursor.value()));
      expect(read).toEqual(values.map(([, text]) => text));
    }),
    { seed, numRuns: scaled(100) },
  );
});

test('a text that ends too early is not JSON, wherever it ends', () => {
  const whole = '{"took":1,"hits":{"hits":[{"_id":"a\\"","_source":{"a":[1,{"b":"}"}]},"sort":[1]}]}}';
  for (let length = 0; length < whole.length; length++) {
    const cursor = new JsonCursor(whole.slice(0, length) as ByteString);
    expect(() => rebuilt(cursor), whole.slice(0, length)).toThrow(
      expect.toSatisfy((error) => error instanceof NotJson || error instanceof SyntaxError),
    );
  }
});

test.each(['<html>busy</html>', '', '{"a" 1}', '{1:2}', '[1 2]', '{"a":1}x'])('%s is not JSON', (text) => {
  const cursor = new JsonCursor(text as ByteString);
  expect(() => {
    if (cursor.first() === '[') cursor.elements(() => cursor.skip());
    else cursor.members(() => cursor.skip());
    cursor.end();
  }).toThrow(NotJson);
});
