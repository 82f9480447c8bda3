import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { fromBytes, toBytes } from '../../../src/lib/core/bytes.js';
import { canonical, contentId } from '../../../src/lib/search/canonical.js';
import { replayable } from '../../random.js';
import { scaled } from '../../scale.js';

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

type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

const document = fc.jsonValue({ maxDepth: 4 }).map((value) => withoutNegativeZero(value as Json));

/** JSON.parse gives -0 for `-0`, which equals 0 as a number. */
function withoutNegativeZero(value: Json): Json {
  if (value === 0) return 0;
  if (Array.isArray(value)) return value.map(withoutNegativeZero);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name]) => name !== '__proto__')
      .map(([name, inner]) => [name, withoutNegativeZero(inner)]),
  );
}

/** A random way to write the value. */
function spelling(value: Json): fc.Arbitrary<string> {
  return fc.infiniteStream(fc.nat(99)).map((choices) => {
    const next = () => choices.next().value!;
    const space = () => ['', '', ' ', '\n', '\t \r'][next() % 5]!;
    const text = (plain: string): string =>
      `"${[
        ...JSON.stringify(plain)
          .slice(1, -1)
          .matchAll(/\\u[0-9a-f]{4}|\\.|[^]/gu),
      ]
        .map(([part]) => (part.length === 1 && next() % 4 === 0 ? `\\u${hex(part)}` : part))
        .join('')}"`;
    const spell = (each: Json): string => {
      if (typeof each === 'string') return text(each);
      if (typeof each === 'number')
        return [
          String(each),
          each.toExponential(),
          each.toExponential().replace('e', next() % 2 ? 'E' : 'e'),
        ][next() % 3]!;
      if (Array.isArray(each)) return `[${each.map((inner) => space() + spell(inner) + space()).join(',')}]`;
      if (typeof each !== 'object' || each === null) return String(each);
      const members = Object.entries(each)
        .map((member): [number, typeof member] => [next(), member])
        .sort(([a], [b]) => a - b)
        .map(([, [name, inner]]) => `${space()}${text(name)}${space()}:${space()}${spell(inner)}${space()}`);
      return `{${space()}${members.join(',')}}`;
    };
    return space() + spell(value) + space();
  });
}

function hex(character: string): string {
  return character.charCodeAt(0).toString(16).padStart(4, '0');
}

/** Some equal in value, in different spellings. */
const numberText = fc
  .record({
    sign: fc.constantFrom('', '-'),
    whole: fc.constantFrom('0', '1', '10', '100', '12', '9007199254740993', '9'.repeat(30)),
    fraction: fc.constantFrom('', '.0', '.00', '.5', '.50', '.05', '.000000', '.0000001', '.12'),
    exponent: fc.constantFrom('', 'e0', 'E1', 'e+2', 'e-1', 'e-02', 'e-8', 'e25'),
  })
  .map(({ sign, whole, fraction, exponent }) => sign + whole + fraction + exponent);

/** In integers: both multiplied by the same power of ten. */
function isSame(one: string, other: string): boolean {
  return scaledUp(one) === scaledUp(other);
}

function scaledUp(text: string): bigint {
  const [, sign, whole, fraction = '', exponent = '0'] = /^(-?)(\d+)(?:\.(\d+))?(?:[eE](.*))?$/.exec(text)!;
  const value = BigInt(whole! + fraction) * 10n ** BigInt(50 - fraction.length + Number(exponent));
  return sign === '-' ? -value : value;
}
