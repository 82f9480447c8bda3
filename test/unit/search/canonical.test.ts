import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { fromBytes, toBytes } from '../../../src/lib/core/bytes.js';
import { canonical, contentId } from '../../../src/lib/search/canonical.js';
import { replayable } from '../../random.js';
import { scaled } from '../../scale.js';
import { document, numberText, spelling } from './spellings.js';

const { seed } = replayable('canonical documents');
const runs = { seed, numRuns: scaled(300) };
const canonicalText = (json: string): string => fromBytes(canonical(toBytes(json)));

describe('the canonical form of a document', () => {
  it('is the same for every spelling of a value, and is that value', () => {
    fc.assert(
      fc.property(
        document.chain((value) => fc.tuple(fc.constant(value), spelling(value), spelling(value))),
        ([value, one, other]) => {
          expect(canonicalText(one)).toBe(canonicalText(other));
          expect(JSON.parse(canonicalText(one))).toEqual(value);
        },
      ),
      runs,
    );
  });

  it('tells numbers apart by their values, whatever their length', () => {
    fc.assert(
      fc.property(numberText, numberText, (one, other) => {
        expect(canonicalText(one) === canonicalText(other)).toBe(isSame(one, other));
      }),
      runs,
    );
  });

  it('spells numbers as JSON.stringify does, had it the digits', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        expect(canonicalText(value.toExponential())).toBe(JSON.stringify(value));
        expect(canonicalText(JSON.stringify(value))).toBe(JSON.stringify(value));
      }),
      runs,
    );
  });

  it.each([
    ['9007199254740993', '9007199254740993'],
    ['-6078848508545849313', '-6078848508545849313'],
    ['123456789012345678901234567890', '1.2345678901234567890123456789e+29'],
    ['1.0', '1'],
    ['-0.00', '0'],
    ['100', '100'],
    ['0.10', '0.1'],
    ['1e99999999999', '1e99999999999'],
    [' { "b" : [ 1.50 , null ] , "a":"\\u0041\\/" } ', '{"a":"A/","b":[1.5,null]}'],
    ['{"a":1,"b":2,"a":3}', '{"a":3,"b":2}'],
    ['{"\\u0061":1,"a":2}', '{"a":2}'],
    [String.raw`["\\","\"","\\\"",""]`, String.raw`["\\","\"","\\\"",""]`],
    ['{"é":"\\u00e9","😀":"\\ud83d\\ude00"}', '{"é":"é","😀":"😀"}'],
    [String.raw`["\uD800","\udc00x","\ufffd","\ud83d\ude00"]`, '["\\ud800","\\udc00x","�","😀"]'],
    ['{"":{}}', '{"":{}}'],
    ['[]', '[]'],
  ])('of %s is %s', (json, expected) => {
    expect(canonicalText(json)).toBe(expected);
  });

  it('keeps null apart from a missing member, and text from a number', () => {
    const forms = ['{"a":null}', '{}', '{"a":"1"}', '{"a":1}', '{"a":[1]}', '{"a":true}', '{"a":"true"}'];
    expect(new Set(forms.map(canonicalText)).size).toBe(forms.length);
  });

  it('is found of what is nested deeper than a server takes', () => {
    const deep = (text: string) => '['.repeat(100_000) + text + ']'.repeat(100_000);
    expect(canonicalText(deep('"]"')).length).toBe(200_003);
  });
});

describe('the id of a document without one', () => {
  it('is the SHA-256 of its canonical form', () => {
    // printf '{"a":1,"b":"é"}' | openssl sha256 -binary | basenc --base64url
    expect(contentId(canonical(toBytes('{"b":"é", "a":1.0}')))).toBe(
      'Ca2f0vtkjLL2IUEhWCjqAKYsKZ2wXSCqmt4vUnowHMY',
    );
  });
});

/** In integers: both multiplied by the same power of ten. */
function isSame(one: string, other: string): boolean {
  return scaledUp(one) === scaledUp(other);
}

function scaledUp(text: string): bigint {
  const [, sign, whole, fraction = '', exponent = '0'] = /^(-?)(\d+)(?:\.(\d+))?(?:[eE](.*))?$/.exec(text)!;
  const value = BigInt(whole! + fraction) * 10n ** BigInt(50 - fraction.length + Number(exponent));
  return sign === '-' ? -value : value;
}
