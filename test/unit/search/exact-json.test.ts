import fc from 'fast-check';
import { expect, test } from 'vitest';

import { toBytes } from '../../../src/lib/core/bytes.js';
import { exactJson, exactText } from '../../../src/lib/search/exact-json.js';
import { replayable } from '../../random.js';

const { seed } = replayable('exact JSON');

/** JSON without needless spaces, as text: its numbers are whole, of any length. */
const json = fc.letrec<{ value: string }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n }).map(String),
    fc.maxSafeInteger().map(String),
    fc.string({ unit: 'grapheme' }).map((text) => JSON.stringify(text)),
    fc.constantFrom('true', 'false', 'null'),
    fc.array(tie('value'), { maxLength: 4 }).map((elements) => `[${elements.join(',')}]`),
    fc
      .uniqueArray(fc.tuple(fc.stringMatching(/^[a-z_.é"]{1,6}$/), tie('value')), {
        selector: ([name]) => name,
        maxLength: 4,
      })
      .map((members) => `{${members.map(([name, value]) => `${JSON.stringify(name)}:${value}`).join(',')}}`),
  ),
})).value;

test('what is read and written again has every digit', () => {
  fc.assert(
    fc.property(json, (text) => {
      expect(exactText(exactJson(toBytes(text)))).toBe(text);
    }),
    { seed },
  );
});

test('a number that a double holds is a number', () => {
  expect(exactJson(toBytes('[1,0.1,-0.0,1e3,9007199254740992]'))).toEqual([1, 0.1, -0, 1000, 2 ** 53]);
});
