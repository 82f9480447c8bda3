import fc from 'fast-check';
import { HTTPParser } from 'http-parser-js';
import { describe, expect, it } from 'vitest';

import { ResponseMalformed } from '../../../src/lib/load/http1/response-head.js';
import { ResponseParser } from '../../../src/lib/load/http1/response-parser.js';
import { scaled } from '../../scale.js';

type Read =
  | { readonly is: 'whole'; readonly status: number; readonly body: string; readonly keepAlive: boolean }
  | { readonly is: 'partial' }
  | { readonly is: 'malformed'; readonly why: string };

/** What our parser makes of an answer in these parts, at whose end the server closes or waits. */
function ours(parts: readonly Buffer[], closes: boolean): Read {
  const parser = new ResponseParser();
  parser.expect('GET', true);
  try {
    const whole = parts.some((part) => parser.push(part)) || (closes && parser.end());
    if (!whole) return { is: 'partial' };
  } catch (error) {
    if (!(error instanceof ResponseMalformed)) throw error;
    return { is: 'malformed', why: error.message };
  }
  const { status, keepAlive, body } = parser;
  return { is: 'whole', status, body: body!.toString('latin1'), keepAlive };
}

/** What it tells of a head. */
interface HeaderInfo {
  readonly statusCode: number;
  readonly shouldKeepAlive: boolean;
}

/** The same of http-parser-js, of which the caller has to know which answers have no body. */
function theirs(parts: readonly Buffer[], closes: boolean): Read {
  const parser = new HTTPParser(HTTPParser.RESPONSE);
  let found = { status: 0, keepAlive: false };
  let body = '';
  let whole = false;
  const head = ({ statusCode: status, shouldKeepAlive: keepAlive }: HeaderInfo) => {
    if (!whole) found = { status, keepAlive };
    return status < 200 || status === 204 || status === 304;
  };
  parser[HTTPParser.kOnHeadersComplete] = head as never;
  parser[HTTPParser.kOnBody] = (chunk: Buffer, at: number, length: number) => {
    if (!whole) body += chunk.toString('latin1', at, at + length);
  };
  parser[HTTPParser.kOnMessageComplete] = () => {
    if (found.status >= 200) whole = true;
  };
  for (const part of parts) {
    const taken: unknown = parser.execute(part);
    if (whole) break;
    if (taken instanceof Error) return { is: 'malformed', why: taken.message };
  }
  if (!whole && closes) parser.finish();
  return whole ? { is: 'whole', ...found, body } : { is: 'partial' };
}

const line = fc.constantFrom(
  ...[
    'Server: nginx',
    'X-A:',
    'x-b: \t v \t',
    'Set-Cookie: a=1',
    'Connection: close',
    'Connection: keep-alive',
  ],
  ...[
    'Content-Length: 5',
    'content-length:5',
    'Content-Length: 0',
    'Transfer-Encoding: chunked',
    'Upgrade: h2c',
  ],
);
const rest = fc.constantFrom(
  ...[
    'hello',
    '',
    'hello world',
    '5\r\nhello\r\n0\r\n\r\n',
    '3;a=b\r\nabc\r\n2\r\nde\r\n0\r\nX: y\r\n\r\n',
    '0\r\n\r\n',
  ],
);
const statusLine = fc.constantFrom(
  ...['HTTP/1.1 200 OK', 'HTTP/1.0 200 OK', 'HTTP/1.1 204 No Content', 'HTTP/1.1 304 ', 'HTTP/1.1 503'],
);
const interim = fc.constantFrom('', '', '', 'HTTP/1.1 100 Continue\r\n\r\n');
const answer = fc
  .record({ interim, statusLine, lines: fc.array(line, { maxLength: 4 }), rest })
  .map(
    (one) =>
      `${one.interim}${one.statusLine}\r\n${one.lines.map((each) => `${each}\r\n`).join('')}\r\n${one.rest}`,
  );

/** A byte put in, taken out or replaced, at a place. */
const damage = fc.record({
  kind: fc.constantFrom('insert', 'remove', 'replace'),
  place: fc.nat(),
  byte: fc.constantFrom(...'\r\n :;,\t\0\x7f\xe90159afGH/.-+"x'),
});

function damaged(text: string, all: readonly { kind: string; place: number; byte: string }[]): Buffer {
  let result = text;
  for (const { kind, place, byte } of all) {
    const at = place % (result.length + 1);
    const kept = result.slice(0, at);
    result = kept + (kind === 'remove' ? '' : byte) + result.slice(kind === 'insert' ? at : at + 1);
  }
  return Buffer.from(result, 'latin1');
}

/** Where ours refuses what http-parser-js takes: two readers could take it for different answers. */
const stricter: readonly string[] = [
  'a header is malformed',
  'its status line is malformed',
  'it is not HTTP/1',
  'a line ends without a carriage return',
  'its content length is not one number',
  'it has a length and a transfer encoding',
  'chunked is not its last transfer encoding',
  'the size of a chunk is not a hexadecimal number',
  'a chunk is longer than its size',
  'it switches to a protocol that nobody asked for',
];

/** Of these http-parser-js knows less: lists of encodings, whole words of `Connection`, and that its `close` wins. */
const beyondIt =
  /^(?:transfer-encoding:(?!\s*chunked\s*$)|connection:(?!\s*(?:close|keep-alive)\s*$)|connection:[^]*^connection:)/im;

describe('answers that are whole, cut short or damaged', () => {
  it('are read as http-parser-js reads them, or refused where that is too lenient', () => {
    const refusedOnlyHere = new Set<string>();
    fc.assert(
      fc.property(
        answer,
        fc.array(damage, { maxLength: 3 }),
        fc.array(fc.nat(), { maxLength: 4 }),
        fc.boolean(),
        (text, damages, places, closes) => {
          const bytes = damaged(text, damages);
          const cuts = [0, ...places.map((place) => place % (bytes.length + 1)).sort((a, b) => a - b)];
          const parts = cuts.map((from, i) => bytes.subarray(from, cuts[i + 1] ?? bytes.length));
          const [mine, other] = [ours(parts, closes), theirs(parts, closes)];
          if (mine.is === 'malformed') {
            if (other.is !== 'malformed') refusedOnlyHere.add(mine.why);
            return;
          }
          if (beyondIt.test(bytes.toString('latin1').replaceAll('\r', ''))) return;
          // Ours judges a head when it is whole, and theirs line by line.
          if (mine.is === 'partial') expect(other.is).not.toBe('whole');
          else expect(other).toEqual(mine);
        },
      ),
      { numRuns: scaled(5000) },
    );
    expect(stricter).toEqual(expect.arrayContaining([...refusedOnlyHere]));
  });

  it('are both made use of', () => {
    const text = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello';
    const expected = { is: 'whole', status: 200, body: 'hello', keepAlive: true };
    expect(ours([Buffer.from(text)], false)).toEqual(expected);
    expect(theirs([Buffer.from(text)], false)).toEqual(expected);
    expect(theirs([Buffer.from('SSH-2.0\r\n')], false).is).toBe('malformed');
  });
});
