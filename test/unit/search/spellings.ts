import * as fc from 'fast-check';

export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

/** JSON values of any kind. */
export const document = fc.jsonValue({ maxDepth: 4 }).map((value) => withoutNegativeZero(value as Json));

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
export function spelling(value: Json): fc.Arbitrary<string> {
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
export const numberText = fc
  .record({
    sign: fc.constantFrom('', '-'),
    whole: fc.constantFrom('0', '1', '10', '100', '12', '9007199254740993', '9'.repeat(30)),
    fraction: fc.constantFrom('', '.0', '.00', '.5', '.50', '.05', '.000000', '.0000001', '.12'),
    exponent: fc.constantFrom('', 'e0', 'E1', 'e+2', 'e-1', 'e-02', 'e-8', 'e25'),
  })
  .map(({ sign, whole, fraction, exponent }) => sign + whole + fraction + exponent);
