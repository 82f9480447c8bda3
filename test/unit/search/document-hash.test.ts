import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { toBytes } from '../../../src/lib/core/bytes.js';
import { canonical } from '../../../src/lib/search/canonical.js';
import { DocumentHasher, hashWords } from '../../../src/lib/search/verify/document-hash.js';
import { replayable } from '../../random.js';
import { scaled } from '../../scale.js';
import { document, numberText, spelling } from './spellings.js';

const { seed } = replayable('hashes of documents');
const runs = { seed, numRuns: scaled(300) };
const hasher = new DocumentHasher();

function hashOf(json: string): string {
  const out = new Int32Array(hashWords);
  hasher.document(toBytes(json), out, 0);
  return out.join(' ');
}

describe('the hash of a document', () => {
  it('is the same for all spellings of a document', () => {
    fc.assert(
      fc.property(
        document.chain((value) => fc.tuple(spelling(value), spelling(value))),
        ([one, other]) => {
          expect(hashOf(one)).toBe(hashOf(other));
        },
      ),
      runs,
    );
  });

  it('differs where the canonical forms differ', () => {
    const any = document.chain(spelling);
    fc.assert(
      fc.property(fc.oneof(fc.tuple(any, any), fc.tuple(numberText, numberText)), ([one, other]) => {
        const isSame = canonical(toBytes(one)) === canonical(toBytes(other));
        expect(hashOf(one) === hashOf(other)).toBe(isSame);
      }),
      runs,
    );
  });

  it.each([
    ['members whose values changed places', '{"a":1,"b":2}', '{"a":2,"b":1}'],
    ['elements whose order differs', '[1,2]', '[2,1]'],
    ['another nesting', '[[1],2]', '[[1,2]]'],
    ['members of an inner object and of the outer one', '{"a":{"b":1},"c":2}', '{"a":{"b":1,"c":2}}'],
    ['two objects whose members changed places', '[{"a":1,"b":2},{}]', '[{"a":1},{"b":2}]'],
    ['nothing, in an array and in an object', '[]', '{}'],
    ['the last digit of thirty', `{"a":${'1'.repeat(29)}2}`, `{"a":${'1'.repeat(29)}3}`],
    ['null and a missing member', '{"a":null}', '{}'],
    ['a space within a text', '{"a":"b c"}', '{"a":"bc"}'],
  ])('tells %s', (_, one, other) => {
    expect(hashOf(one)).not.toBe(hashOf(other));
  });

  it('is found of what is nested deeper than the stack', () => {
    const deep = (text: string) => '['.repeat(100_000) + text + ']'.repeat(100_000);
    expect(hashOf(deep('1'))).not.toBe(hashOf(deep('2')));
  });

  it('has each of its 128 bits in half of the documents', () => {
    const counts = new Array<number>(128).fill(0);
    const out = new Int32Array(hashWords);
    const documents = 4096;
    for (let i = 0; i < documents; i++) {
      hasher.document(toBytes(`{"id":${i}}`), out, 0);
      for (let bit = 0; bit < 128; bit++) counts[bit]! += (out[bit >> 5]! >>> (bit & 31)) & 1;
    }
    // Six standard deviations of 32.
    for (const count of counts) expect(Math.abs(count - documents / 2)).toBeLessThan(192);
  });
});
