import fc from 'fast-check';
import { Parser } from 'pg-protocol/dist/parser.js';
import { expect, test } from 'vitest';

import { MessageCheck, NotPostgres } from '../../../src/lib/clients/postgres/message-check.js';
import { scaled } from '../../scale.js';

const message = (type: string, body: string): string => {
  const header = Buffer.alloc(4);
  header.writeUInt32BE(body.length + 4);
  return type + header.toString('latin1') + body;
};
/** As a server sends them. */
const genuine = [
  message('R', '\0\0\0\0'),
  message('R', '\0\0\0\x0aSCRAM-SHA-256\0\0'),
  message('R', '\0\0\0\x05salt'),
  message('S', 'TimeZone\0UTC\0'),
  message('K', '\0\0\0\x01\0\0\0\x02'),
  message('Z', 'I'),
  message('1', ''),
  message('2', ''),
  message('n', ''),
  message('T', `\0\x02key\0${'\0'.repeat(18)}live\0${'\0'.repeat(18)}`),
  message('T', '\0\0'),
  message('D', '\0\x02\0\0\0\x01x\xff\xff\xff\xff'),
  message('C', 'SELECT 1\0'),
  message('E', 'SERROR\0C42P01\0Mno\0\0'),
  message('N', 'SNOTICE\0C00000\0M\0\0'),
  message('A', '\0\0\0\x01channel\0payload\0'),
  message('G', '\0\0\x01\0\0'),
  message('d', 'a,b\n'),
  message('c', ''),
];

function check(pieces: readonly Buffer[]): 'passes' | 'refused' {
  const one = new MessageCheck();
  try {
    for (const piece of pieces) one.feed(piece);
    return 'passes';
  } catch (error) {
    expect(error).toBeInstanceOf(NotPostgres);
    return 'refused';
  }
}
const bytesOneByOne = (text: string) => [...Buffer.from(text, 'latin1')].map((byte) => Buffer.from([byte]));

test('what a server sends passes, wherever it is cut', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...genuine)), fc.nat(), (messages, cut) => {
      const stream = Buffer.from(messages.join(''), 'latin1');
      const at = stream.length === 0 ? 0 : cut % stream.length;
      expect(check([stream.subarray(0, at), stream.subarray(at)])).toBe('passes');
      expect(check(bytesOneByOne(messages.join('')))).toBe('passes');
    }),
    { numRuns: scaled(300) },
  );
});

test.each([
  ['another protocol', 'HTTP/1.1 400 Bad Request\r\n\r\n'],
  ['a length that is none', 'Z\0\0\0\0'],
  ['a length of 4 GB', 'Z\xff\xff\xff\xff'],
  ['a text without an end', message('C', 'SELECT 1')],
  ['one text of two', message('S', 'TimeZone\0')],
  ['an error without an end', message('E', 'SERROR\0')],
  ['an error that is cut in a field', message('E', 'SERR')],
  ['a mechanism without an end', message('R', '\0\0\0\x0aSCRAM')],
  ['fewer columns than it says', message('T', '\0\x02key\0' + '\0'.repeat(18))],
])('%s is refused', (_, text) => {
  expect(check([Buffer.from(text, 'latin1')])).toBe('refused');
  expect(check(bytesOneByOne(text))).toBe('refused');
});

test('what passes, pg reads to its end', () => {
  const noise = fc.array(
    fc.oneof(
      fc.constantFrom(...genuine),
      fc.string({
        unit: fc.constantFrom('\0', '\x01', '\r', '\n', 'E', 'T', 'C', 'S', '\xff'),
        maxLength: 12,
      }),
    ),
    { maxLength: 8 },
  );
  fc.assert(
    fc.property(noise, (parts) => {
      const stream = Buffer.from(parts.join(''), 'latin1');
      if (check([stream]) === 'refused') return;
      // Where it read for ever, the test would never end; what it throws, the socket turns into a lost connection.
      try {
        new Parser().parse(stream, () => {});
      } catch (error) {
        expect(error).toBeInstanceOf(Error);
      }
    }),
    { numRuns: scaled(2000) },
  );
});
