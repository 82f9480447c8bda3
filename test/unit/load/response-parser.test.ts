import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { ResponseMalformed } from '../../../src/lib/load/http1/response-head.js';
import { ResponseParser } from '../../../src/lib/load/http1/response-parser.js';

interface Read {
  readonly status: number;
  readonly body: string;
  readonly whole: boolean;
  readonly left: number;
  readonly keepAlive: boolean;
  readonly bytes: number;
}

/** Reads an answer that comes in these parts; with `closes` the connection ends after them. */
function read(parts: readonly Buffer[], { method = 'GET', closes = false } = {}): Read {
  const parser = new ResponseParser();
  let whole = false;
  let left = 0;
  parser.expect(method, true);
  for (const part of parts) {
    if (whole) left += part.length;
    else if ((whole = parser.push(part))) left = parser.left;
  }
  if (!whole && closes) whole = parser.end();
  const { status, keepAlive, bytes } = parser;
  return { status, keepAlive, bytes, whole, left, body: parser.body!.toString('latin1') };
}

const one = (text: string, options = {}) => read([Buffer.from(text, 'latin1')], options);

const body = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes).toString('latin1'));
const reason = fc.constantFrom('', ' OK', ' \xe4\t', ' Not  Found');
const extra = fc.subarray(['Server: x', 'X-A:', 'Set-Cookie: a=1', 'set-cookie: b=2', 'Date: \t now \t']);

/** An answer as bytes, with what it says. */
const answers = fc
  .record({
    status: fc.constantFrom(200, 201, 404, 500, 503),
    body,
    reason,
    extra,
    interim: fc.boolean(),
    framing: fc.constantFrom('length', 'chunked', 'close'),
    chunk: fc.integer({ min: 1, max: 120 }),
    trailer: fc.boolean(),
    close: fc.boolean(),
  })
  .map((one) => {
    const headers = [...one.extra, ...(one.close ? ['Connection: close'] : [])];
    let payload = one.body;
    if (one.framing === 'length') headers.push(`Content-Length: ${one.body.length}`);
    if (one.framing === 'chunked') {
      headers.push('Transfer-Encoding: Chunked');
      const chunks: string[] = [];
      for (let at = 0; at < one.body.length; at += one.chunk) {
        const part = one.body.slice(at, at + one.chunk);
        chunks.push(`${part.length.toString(16).toUpperCase()}${at % 2 ? ';x=y' : ''}\r\n${part}\r\n`);
      }
      payload = `${chunks.join('')}0\r\n${one.trailer ? 'X-Sum: 1\r\n' : ''}\r\n`;
    }
    const interim = one.interim ? 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n' : '';
    const text = `${interim}HTTP/1.1 ${one.status}${one.reason}\r\n${headers.map((h) => `${h}\r\n`).join('')}\r\n${payload}`;
    return { ...one, bytes: Buffer.from(text, 'latin1') };
  });

function cut(bytes: Buffer, at: readonly number[]): Buffer[] {
  const places = [...new Set(at.map((place) => place % (bytes.length + 1)))].sort((a, b) => a - b);
  return [0, ...places].map((from, i) => bytes.subarray(from, places[i] ?? bytes.length));
}

describe('an answer of HTTP/1.1', () => {
  it('is read the same however it is cut into parts', () => {
    fc.assert(
      fc.property(answers, fc.array(fc.nat(), { maxLength: 12 }), ({ bytes, ...said }, places) => {
        const closes = said.framing === 'close';
        expect(read(cut(bytes, places), { closes })).toEqual({
          status: said.status,
          body: said.body,
          whole: true,
          left: 0,
          keepAlive: !said.close && !closes,
          bytes: bytes.length,
        });
      }),
    );
  });

  it('ends where it ends, and says how much came behind it', () => {
    fc.assert(
      fc.property(
        answers.filter(({ framing }) => framing !== 'close'),
        fc.string({ minLength: 1, unit: 'binary-ascii' }),
        fc.array(fc.nat(), { maxLength: 5 }),
        ({ bytes, ...said }, behind, places) => {
          const found = read(cut(Buffer.concat([bytes, Buffer.from(behind)]), places));
          expect(found).toMatchObject({ body: said.body, whole: true, left: behind.length });
        },
      ),
    );
  });

  it('that is cut short is not whole', () => {
    fc.assert(
      fc.property(
        answers.filter(({ framing }) => framing !== 'close'),
        fc.nat(),
        ({ bytes }, place) => {
          expect(read([bytes.subarray(0, place % bytes.length)], { closes: true }).whole).toBe(false);
        },
      ),
    );
  });

  it.each([
    ['HEAD', 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n'],
    ['GET', 'HTTP/1.1 204 No Content\r\n\r\n'],
    ['GET', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 100\r\n\r\n'],
  ])('to %s has no body: %j', (method, text) => {
    expect(one(text, { method })).toMatchObject({ whole: true, body: '', keepAlive: true });
  });

  it.each([
    ['HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n', false],
    ['HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 0\r\n\r\n', true],
    ['HTTP/1.1 200 OK\r\nConnection: foo, Close\r\nContent-Length: 0\r\n\r\n', false],
  ])('%j keeps its connection: %s', (text, keepAlive) => {
    expect(one(text)).toMatchObject({ whole: true, keepAlive });
  });

  it.each([
    ['another protocol', 'SSH-2.0-OpenSSH_9.2\r\n'],
    ['HTTP/2', 'HTTP/2 200\r\n\r\n'],
    ['a status of two digits', 'HTTP/1.1 20 OK\r\n\r\n'],
    ['a line that ends in LF alone', 'HTTP/1.1 200 OK\nContent-Length: 0\n\n'],
    ['one such line among others', 'HTTP/1.1 200 OK\r\nA: b\nContent-Length: 0\r\n\r\n'],
    ['a folded header', 'HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n'],
    ['a space before the colon', 'HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n'],
    ['a header without a name', 'HTTP/1.1 200 OK\r\n: b\r\n\r\n'],
    ['a NUL in a value', 'HTTP/1.1 200 OK\r\nA: \0\r\n\r\n'],
    ['a length with a sign', 'HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\n1'],
    ['a hexadecimal length', 'HTTP/1.1 200 OK\r\nContent-Length: 0x1\r\n\r\n1'],
    ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n1'],
    ['a length beyond counting', 'HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n'],
    ['a length and chunks', 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n'],
    ['chunks within gzip', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, gzip\r\n\r\n'],
    ['a chunk size that is not a number', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n'],
    ['a chunk longer than its size', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n'],
    ['a malformed trailer', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nno header\r\n\r\n'],
    ['a switch of protocols', 'HTTP/1.1 101 Switching Protocols\r\n\r\n'],
    ['headers without end', `HTTP/1.1 200 OK\r\nA: ${'x'.repeat(70_000)}`],
    ['interim answers without end', 'HTTP/1.1 100 Continue\r\n\r\n'.repeat(200)],
  ])('with %s is refused', (_, text) => {
    expect(() => one(text)).toThrow(ResponseMalformed);
  });

  it('takes the same length twice', () => {
    expect(one('HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n1')).toMatchObject({
      body: '1',
    });
  });

  it('is read one after the other on one connection', () => {
    fc.assert(
      fc.property(
        fc.array(
          answers.filter(({ framing }) => framing !== 'close'),
          { maxLength: 5 },
        ),
        (all) => {
          const parser = new ResponseParser();
          for (const { bytes, status } of all) {
            parser.expect('GET', false);
            expect(parser.push(bytes)).toBe(true);
            expect(parser.status).toBe(status);
          }
        },
      ),
    );
  });
});
