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
  NotAnAnswer,
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
          'STORED\r\nSERVER_ERROR out of memory storing object\r\nVERSION 1.6.0\r\n' +
          values.map((block, i) => `VALUE k${i} 0 ${block.length}\r\n${block}\r\n`).join('') +
          'END\r\nSTAT version 1.6\r\nSTAT a b c\r\nEND\r\n';
        const reader = new AnswerReader();
        let at = 0;
        for (const cut of [...cuts, text.length]) {
          const chunk = Buffer.from(text.slice(at, at + cut), 'latin1');
          at += cut;
          reader.feed(
            chunk,
            () => queue[0],
            () => void queue.shift(),
          );
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
});

it('an answer that nobody asked for is noticed', () => {
  expect(() =>
    new AnswerReader().feed(
      Buffer.from('STORED\r\n'),
      () => undefined,
      () => {},
    ),
  ).toThrow(NotAnAnswer);
});

/** Three writes whose answers come as that text; what was settled, and what is left to send. */
function writesAnswered(text: string): { settled: string[]; rest: string; problem: unknown } {
  const settled: string[] = [];
  const writes = new BulkExchange(
    ['a', 'b', 'c'],
    (item) => `${item};`,
    (item, line, repeated) => settled.push(`${item} ${line}${repeated ? ' repeated' : ''}`),
    () => {},
  );
  writes.commands();
  let problem: unknown;
  try {
    new AnswerReader().feed(
      Buffer.from(text, 'latin1'),
      () => writes,
      () => {},
    );
    writes.interrupted();
  } catch (error) {
    problem = error;
  }
  return { settled, rest: writes.commands(), problem };
}

it('answers before a lost connection count, and the rest is sent again', () => {
  expect(writesAnswered('STORED\r\nNOT_STO')).toEqual({
    settled: ['a STORED'],
    rest: 'b;c;version\r\n',
    problem: undefined,
  });
});

it.each([
  ['one too many', 'STORED\r\nNOT_STORED\r\nSTORED\r\nSTORED\r\nVERSION 1.6.0\r\n'],
  ['one too few', 'STORED\r\nNOT_STORED\r\nVERSION 1.6.0\r\n'],
  ['noise', 'STORED\r\n\x00\xff\r\n'],
  ['another protocol', 'HTTP/1.1 400 Bad Request\r\n'],
  ['a line without an end', 'x'.repeat(10_000)],
])('of answers that are not those of the commands, none counts: %s', (_, text) => {
  const { settled, rest, problem } = writesAnswered(text);
  expect(problem).toBeInstanceOf(NotAnAnswer);
  expect({ settled, rest }).toEqual({ settled: [], rest: 'a;b;c;version\r\n' });
});

it('a value is that of a key that was asked for, as long as it says', async () => {
  const answer = async (text: string) => {
    const get = new GetExchange([toBytes('k')]);
    get.commands();
    const reader = new AnswerReader();
    reader.feed(
      Buffer.from(text),
      () => get,
      () => {},
    );
    return Object.fromEntries(await get.answer);
  };
  expect(await answer('VALUE k 0 2\r\nab\r\nEND\r\n')).toEqual({ k: 'ab' });
  for (const text of [
    'VALUE other 0 2\r\nab\r\nEND\r\n',
    'VALUE k 0 x\r\nab\r\n',
    'VALUE k\r\n',
    'VALUE k 0 1\r\nab\r\nEND\r\n',
    'STORED\r\n',
  ])
    await expect(answer(text), text).rejects.toThrow(NotAnAnswer);
});
