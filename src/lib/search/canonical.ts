import { createHash } from 'node:crypto';

import { type ByteString, fromBytes, toBytes } from '../core/bytes.js';
import { endOfString, endOfValue, skipSpace } from '../sources/json-members.js';

/**
 * A JSON value in the one spelling that all equal values share, whoever wrote them: no white space, members sorted by name (of
 * a name that stands twice the last counts), strings without needless escapes, and numbers by value with every digit, so that `1`, `1.0`
 * and `10e-1` are one, as are `0` and `-0`. Numbers are spelt as JSON.stringify would, had it enough digits. A member
 * that is null is not a member that is missing.
 * @param json must be JSON: nothing is checked here
 */
export function canonical(json: ByteString): ByteString {
  return new Reader(json).value(0) as ByteString;
}

/** The id of a document that has none of its own: SHA-256 of its canonical form in base64url, 43 characters. */
export function contentId(canonicalForm: ByteString): ByteString {
  return createHash('sha256').update(canonicalForm, 'latin1').digest('base64url') as ByteString;
}

/** Below it values are left as they are spelt: search servers take no deeper ones. */
const maxDepth = 1000;

class Reader {
  readonly #json: string;
  readonly #hasEscapes: boolean;
  #at = 0;

  constructor(json: ByteString) {
    this.#json = json;
    this.#hasEscapes = json.includes('\\');
  }

  value(depth: number): string {
    this.#skipSpace();
    switch (this.#json.charCodeAt(this.#at)) {
      case quote:
        return this.#string();
      case 123: // {
        return depth === maxDepth ? this.#raw() : this.#object(depth + 1);
      case 91: // [
        return depth === maxDepth ? this.#raw() : this.#array(depth + 1);
      default:
        return this.#scalar();
    }
  }

  #object(depth: number): string {
    const names: string[] = [];
    const values: string[] = [];
    let isSorted = true;
    this.#at++;
    for (this.#skipSpace(); this.#json.charCodeAt(this.#at) === quote; this.#skipSeparator()) {
      const name = this.#string();
      if (isSorted && names.length > 0 && name <= names[names.length - 1]!) isSorted = false;
      names.push(name);
      this.#skipSpace();
      this.#at++; // :
      values.push(this.value(depth));
    }
    this.#at++;
    const members = isSorted
      ? names.map((name, i) => `${name}:${values[i]!}`)
      : [...new Map(names.map((name, i) => [name, values[i]!]))]
          .sort(([a], [b]) => (a < b ? -1 : 1))
          .map(([name, value]) => `${name}:${value}`);
    return `{${members.join(',')}}`;
  }

  #array(depth: number): string {
    const elements: string[] = [];
    this.#at++;
    for (this.#skipSpace(); this.#json.charCodeAt(this.#at) !== 93; this.#skipSeparator())
      elements.push(this.value(depth));
    this.#at++;
    return `[${elements.join(',')}]`;
  }

  /** To the next member or element, or to the end of them. */
  #skipSeparator(): void {
    this.#skipSpace();
    if (this.#json.charCodeAt(this.#at) !== comma) return;
    this.#at++;
    this.#skipSpace();
  }

  #skipSpace(): void {
    this.#at = skipSpace(this.#json, this.#at);
  }

  #string(): string {
    const start = this.#at;
    this.#at = endOfString(this.#json, start);
    const raw = this.#json.slice(start, this.#at);
    if (!this.#hasEscapes || !raw.includes('\\')) return raw;
    // A surrogate without its other half stays an escape: it is no character, and two of them are not equal.
    return toBytes(JSON.stringify(JSON.parse(fromBytes(raw as ByteString))));
  }

  #scalar(): string {
    const text = this.#raw();
    return text.charCodeAt(0) > 57 ? text : canonicalNumber(text); // true, false, null
  }

  /** The value as it is spelt. */
  #raw(): string {
    const start = this.#at;
    this.#at = endOfValue(this.#json, start);
    return this.#json.slice(start, this.#at);
  }
}

const quote = 34;
const comma = 44;

/** A number as JSON.stringify spells it, when that is so at a glance. */
const isCanonical = /^(?:0|-?(?:[1-9]\d{0,20}|0(?=\.(?!0{6})))(?:\.\d*[1-9])?)$/;
const number = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d{1,9}))?$/;

function canonicalNumber(text: string): string {
  if (isCanonical.test(text)) return text;
  const parts = number.exec(text);
  // An exponent of ten digits: no number that anybody stores.
  if (parts === null) return text;
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = parts;
  const all = (whole + fraction).replace(/^0+/, '');
  if (all === '') return '0';
  const digits = withoutZeros(all);
  // The value is 0.DIGITS times ten to the power of `point`.
  const point = all.length - fraction.length + Number(exponent);
  return sign + spelt(digits, point);
}

/** Without those at the end; a regular expression would look from every zero again. */
function withoutZeros(digits: string): string {
  let end = digits.length;
  while (digits.charCodeAt(end - 1) === 48) end--;
  return digits.slice(0, end);
}

function spelt(digits: string, point: number): string {
  if (point > 21 || point <= -6) {
    const power = point - 1;
    const mantissa = digits.length === 1 ? digits : `${digits[0]!}.${digits.slice(1)}`;
    return `${mantissa}e${power < 0 ? '' : '+'}${power}`;
  }
  if (point <= 0) return `0.${'0'.repeat(-point)}${digits}`;
  if (digits.length <= point) return digits + '0'.repeat(point - digits.length);
  return `${digits.slice(0, point)}.${digits.slice(point)}`;
}
