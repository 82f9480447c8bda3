import fc from 'fast-check';
import { expect, it } from 'vitest';

import { AnswerReader } from '../../../src/lib/clients/memcached/answers.js';
import {
  deleteCommand,
  expiryOf,
  keyProblem,
  storeCommand,
} from '../../../src/lib/clients/memcached/commands.js';
import {
  BulkExchange,
  GetExchange,
  StatsExchange,
  type Exchange,
} from '../../../src/lib/clients/memcached/exchange.js';
import { bytesOf, toBytes } from '../../../src/lib/core/bytes.js';

const day = 86_400_000;

it.each([
  [0, 0],
  [1, 1],
  [999, 1],
  [1001, 2],
  [30 * day, 2_592_000],
  [30 * day + 1000, 1_700_000_000 + 2_592_001],
  [20_000 * day, 2 ** 31 - 1],
])('a time to live of %i ms is sent as %i', (ttlMs, expiry) => {
  expect(expiryOf(ttlMs, () => 1_700_000_000_500)).toBe(expiry);
});

it.each(['', 'a b', 'a\nb', 'a\x00', 'a\x7f', 'x'.repeat(251)])('the key %j cannot be sent', (key) => {
  expect(keyProblem(toBytes(key))).toBeTypeOf('string');
});

it.each(['a', 'z\xc3\xa4hler', 'x'.repeat(250)])('the key %j can', (key) => {
  expect(keyProblem(toBytes(key))).toBeUndefined();
});

it('never lets a key end its command', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', minLength: 1, maxLength: 60 }), (text) => {
      const key = bytesOf(Buffer.from(text));
      expect(deleteCommand(key)).toMatch(/^(delete|md) [!-~\x80-\xff]+( b)?\r\n$/);
    }),
  );
  expect(storeCommand('add', toBytes('k'), 5, toBytes('a\r\nb'))).toBe('add k 0 5 4\r\na\r\nb\r\n');
});

it('reads answers however they are cut', async () => {
  const value = fc.string({ unit: fc.constantFrom('\r', '\n', 'E', 'N', 'D', '\xff'), maxLength: 20 });
  await fc.assert(
    fc.asyncProperty(
      fc.array(value, { minLength: 1, maxLength: 5 }),
      fc.array(fc.nat(40)),
      async (values, cuts) => {
        const lines: string[] = [];
        const get = new GetExchange(values.map((_, i) => toBytes(`k${i}`)));
        const stats = new StatsExchange();
        const queue: Exchange[] = [
          new BulkExchange(
            ['x', 'y'],
            () => toBytes(''),
            (_, line) => lines.push(line),
            () => {},
          ),
          get,
          stats,
        ];
        for (const exchange of queue) exchange.commands();
        const text =
          'STORED\r\nSERVER_ERROR out of memory storing object\r\n' +
          values.map((block, i) => `VALUE k${i} 0 ${block.length}\r\n${block}\r\n`).join('') +
          'END\r\nSTAT version 1.6\r\nSTAT a b c\r\nEND\r\n';
        const reader = new AnswerReader();
        let at = 0;
        for (const cut of [...cuts, text.length]) {
          const chunk = Buffer.from(text.slice(at, at + cut), 'latin1');
          at += cut;
          expect(
            reader.feed(
              chunk,
              () => queue[0],
              () => void queue.shift(),
            ),
          ).toBe(true);
        }
        expect(lines).toEqual(['STORED', 'SERVER_ERROR out of memory storing object']);
        expect([...(await get.answer).values()]).toEqual(values);
        expect([...(await stats.answer)]).toEqual([
          ['version', '1.6'],
          ['a', 'b c'],
        ]);
      },
    ),
  );
  expect(
    new AnswerReader().feed(
      Buffer.from('STORED\r\n'),
      () => undefined,
      () => {},
    ),
  ).toBe(false);
});
