import type { ByteString } from '../core/bytes.js';

/** Raised where the text is no JSON, or ends too early. */
export class NotJson extends Error {
  override readonly name = 'NotJson';
}

const quote = 34;
const backslash = 92;
const openBrace = 123;
const closeBrace = 125;
const openBracket = 91;
const closeBracket = 93;

/**
 * Reads JSON in one pass, and gives values as raw text: `JSON.parse` would lose the digits of numbers. What `members` and
 * `elements` visit must take the value that follows, by any of the methods. What is inside of a raw value is not checked.
 * @throws NotJson
 */
export class JsonCursor {
  readonly #json: string;
  #at = 0;

  constructor(json: ByteString) {
    this.#json = json;
  }

  /** Visits each member of an object by its raw name, quotes included. Any other value is passed over. */
  members(visit: (rawName: ByteString) => void): void {
    if (this.first() !== '{') return this.skip();
    this.#at++;
    for (let first = true; this.first() !== '}'; first = false) {
      if (!first) this.#take(',');
      const start = this.#begin();
      this.#string();
      const name = this.#json.slice(start, this.#at) as ByteString;
      this.#take(':');
      visit(name);
    }
    this.#at++;
  }

  /** Visits each element of an array. Any other value is passed over. */
  elements(visit: () => void): void {
    if (this.first() !== '[') return this.skip();
    this.#at++;
    for (let first = true; this.first() !== ']'; first = false) {
      if (!first) this.#take(',');
      visit();
    }
    this.#at++;
  }

  /** The first character of the value that follows. */
  first(): string | undefined {
    return this.#json[this.#begin()];
  }

  value(): ByteString {
    const start = this.#begin();
    this.skip();
    return this.#json.slice(start, this.#at) as ByteString;
  }

  skip(): void {
    const start = this.#begin();
    const first = this.#json[start];
    if (first === '"') return this.#string();
    if (first === '{' || first === '[') return this.#nested();
    if (first === undefined || !/[-\dtfn]/.test(first)) throw this.#problem();
    while (isScalar(this.#json.charCodeAt(this.#at))) this.#at++;
  }

  /** Nothing but white space may follow. */
  end(): void {
    if (this.#begin() !== this.#json.length) throw this.#problem();
  }

  #begin(): number {
    while (isSpace(this.#json.charCodeAt(this.#at))) this.#at++;
    return this.#at;
  }

  #take(expected: string): void {
    if (this.first() !== expected) throw this.#problem();
    this.#at++;
  }

  /** From its quote to behind the last one. */
  #string(): void {
    const json = this.#json;
    if (json.charCodeAt(this.#at) !== quote) throw this.#problem();
    for (let from = this.#at + 1; ;) {
      const end = json.indexOf('"', from);
      if (end === -1) throw this.#problem();
      from = end + 1;
      let before = end;
      while (json.charCodeAt(before - 1) === backslash) before--;
      if ((end - before) % 2 === 1) continue;
      this.#at = from;
      return;
    }
  }

  #nested(): void {
    const json = this.#json;
    for (let depth = 0; ;) {
      const code = json.charCodeAt(this.#at);
      if (code === quote) {
        this.#string();
        continue;
      }
      if (Number.isNaN(code)) throw this.#problem();
      this.#at++;
      if (code === openBrace || code === openBracket) depth++;
      else if ((code === closeBrace || code === closeBracket) && --depth === 0) return;
    }
  }

  #problem(): NotJson {
    return new NotJson(`no JSON at byte ${this.#at}`);
  }
}

function isSpace(code: number): boolean {
  return code === 32 || code === 10 || code === 13 || code === 9;
}

/** Of a number, true, false or null. */
function isScalar(code: number): boolean {
  return code > 32 && code !== 44 && code !== quote && code !== 58 && !isBracket(code);
}

function isBracket(code: number): boolean {
  return code === openBrace || code === closeBrace || code === openBracket || code === closeBracket;
}
