import type { ByteString } from '../../core/bytes.js';
import { endOfString, endOfValue, skipSpace } from '../../sources/json-members.js';
import { canonical } from '../canonical.js';

/** Four lanes of 32 bits. */
export type Hash = Int32Array;

/** Words of a hash. */
export const hashWords = 4;

/**
 * Hashes of 128 bits: of ids, and of JSON documents such that equal ones, as `canonical` has it, have the same whatever their
 * spelling. It finds them in one pass without writing the canonical form, by adding up the hashes of an object's members. One
 * difference is left: of a name that stands twice in an object both values count.
 *
 * No cryptography: whoever can choose documents could make two of one hash.
 */
export class DocumentHasher {
  #a = 0;
  #b = 0;
  #c = 0;
  #d = 0;
  #json = '';
  #at = 0;

  /** Writes the hash of a text as it is. @param at index of its first word */
  text(text: ByteString, out: Hash, at: number): void {
    this.#start(text);
    this.#take(0, text.length);
    this.#write(out, at);
  }

  /** Writes the hash of a JSON value. @param at index of its first word */
  document(json: ByteString, out: Hash, at: number): void {
    this.#start(json);
    this.#value(0);
    this.#write(out, at);
  }

  #start(text: ByteString): void {
    this.#json = text;
    this.#at = 0;
    this.#seed();
  }

  #seed(): void {
    this.#a = 0x2545f491;
    this.#b = 0x6c8e9cf5;
    this.#c = 0x1b873593;
    this.#d = 0x3c6ef372;
  }

  #write(out: Hash, at: number): void {
    out[at] = finished(this.#a ^ Math.imul(this.#d, 5));
    out[at + 1] = finished(this.#b ^ Math.imul(this.#a, 7));
    out[at + 2] = finished(this.#c ^ Math.imul(this.#b, 11));
    out[at + 3] = finished(this.#d ^ Math.imul(this.#c, 13));
  }

  /** Takes in the text's bytes between two places. */
  #take(from: number, to: number, text = this.#json): void {
    let a = this.#a;
    let b = this.#b;
    let c = this.#c;
    let d = this.#d;
    for (let i = from; i < to; i++) {
      const byte = text.charCodeAt(i);
      a = Math.imul(a ^ byte, 0x9e3779b1);
      b = Math.imul(b ^ byte, 0x85ebca6b);
      c = Math.imul(c ^ byte, 0xc2b2ae35);
      d = Math.imul(d ^ byte, 0x27d4eb2f);
      a ^= a >>> 15;
      b ^= b >>> 13;
      c ^= c >>> 14;
      d ^= d >>> 16;
    }
    this.#a = a;
    this.#b = b;
    this.#c = c;
    this.#d = d;
  }

  #value(depth: number): void {
    this.#skipSpace();
    const code = this.#json.charCodeAt(this.#at);
    if (code === 34) this.#string();
    else if (code !== 123 && code !== 91) this.#scalar(code);
    else if (depth === maxDepth) this.#takeCanonical(endOfValue(this.#json, this.#at));
    else if (code === 123) this.#object(depth + 1);
    else this.#array(depth + 1);
  }

  #object(depth: number): void {
    const a = this.#a;
    const b = this.#b;
    const c = this.#c;
    const d = this.#d;
    let sumA = 123;
    let sumB = 123;
    let sumC = 123;
    let sumD = 123;
    this.#at++;
    for (this.#skipSpace(); this.#json.charCodeAt(this.#at) === 34; this.#skipSeparator()) {
      this.#seed();
      this.#string();
      this.#skipSpace();
      this.#at++; // :
      this.#value(depth);
      sumA = (sumA + finished(this.#a)) | 0;
      sumB = (sumB + finished(this.#b)) | 0;
      sumC = (sumC + finished(this.#c)) | 0;
      sumD = (sumD + finished(this.#d)) | 0;
    }
    this.#at++;
    this.#a = Math.imul(a ^ sumA, 0x9e3779b1);
    this.#b = Math.imul(b ^ sumB, 0x85ebca6b);
    this.#c = Math.imul(c ^ sumC, 0xc2b2ae35);
    this.#d = Math.imul(d ^ sumD, 0x27d4eb2f);
  }

  #array(depth: number): void {
    this.#at++;
    this.#take(0, 1, '[');
    for (this.#skipSpace(); this.#json.charCodeAt(this.#at) !== 93; this.#skipSeparator()) {
      this.#value(depth);
      this.#take(0, 1, ',');
    }
    this.#at++;
    this.#take(0, 1, ']');
  }

  #skipSeparator(): void {
    this.#skipSpace();
    if (this.#json.charCodeAt(this.#at) !== 44) return;
    this.#at++;
    this.#skipSpace();
  }

  #skipSpace(): void {
    this.#at = skipSpace(this.#json, this.#at);
  }

  #string(): void {
    const start = this.#at;
    let i = start + 1;
    for (let code = this.#json.charCodeAt(i); code !== 34; code = this.#json.charCodeAt(++i))
      if (code === 92) return this.#takeCanonical(endOfString(this.#json, start));
    this.#at = i + 1;
    this.#take(start, this.#at);
  }

  /** A number, true, false or null. @param first its first byte */
  #scalar(first: number): void {
    const start = this.#at;
    const json = this.#json;
    let last = first;
    let point = 0;
    let hasExponent = false;
    let end = start;
    for (; ; end++) {
      const code = json.charCodeAt(end);
      // Not greater either: the end of the text.
      if (!(code > 32) || code === 44 || code === 125 || code === 93) break;
      if (code === 46) point = end;
      else if (code === 69 || code === 101) hasExponent = true;
      last = code;
    }
    const isWord = first > 57;
    const digit = first === minus ? json.charCodeAt(start + 1) : first;
    const isNumberAsWritten =
      !hasExponent &&
      end - start <= 16 &&
      (point === 0
        ? !(first === minus && digit === zero) // -0
        : last !== zero && !(digit === zero && json.charCodeAt(point + 1) === zero)); // 1.50, 0.0000001
    if (!isWord && !isNumberAsWritten) return this.#takeCanonical(end);
    this.#at = end;
    this.#take(start, end);
  }

  /** Takes in the canonical form of what is from here to there. */
  #takeCanonical(end: number): void {
    const form = canonical(this.#json.slice(this.#at, end) as ByteString);
    this.#at = end;
    this.#take(0, form.length, form);
  }
}

const minus = 45;
const zero = 48;

/** Deeper values are rare, and calls would fill the stack. */
const maxDepth = 1000;

function finished(word: number): number {
  let h = word;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
