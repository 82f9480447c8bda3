import fc from 'fast-check';
import { expect, test, vi } from 'vitest';

import { setEncoder } from '../../../src/lib/clients/redis/commands.js';
import {
  encodeCommand,
  NotResp,
  RedisError,
  RespParser,
  type Reply,
} from '../../../src/lib/clients/redis/resp.js';
import { toBytes, type ByteString } from '../../../src/lib/core/bytes.js';
import { scaled } from '../../scale.js';

type Model =
  | { simple: string }
  | { error: string }
  | { number: number }
  | { bulk: string | null }
  | { list: Model[] | null };

/** An encoder of its own, by the protocol's specification. */
function encode(model: Model): string {
  if ('simple' in model) return `+${model.simple}\r\n`;
  if ('error' in model) return `-${model.error}\r\n`;
  if ('number' in model) return `:${model.number}\r\n`;
  if ('bulk' in model) return model.bulk === null ? '$-1\r\n' : `$${model.bulk.length}\r\n${model.bulk}\r\n`;
  return model.list === null ? '*-1\r\n' : `*${model.list.length}\r\n${model.list.map(encode).join('')}`;
}
function plain(model: Model): unknown {
  if ('simple' in model) return model.simple;
  if ('error' in model) return { error: model.error };
  if ('number' in model) return model.number;
  if ('bulk' in model) return model.bulk;
  return model.list?.map(plain) ?? null;
}
function seen(reply: Reply): unknown {
  if (reply instanceof RedisError) return { error: reply.message };
  return Array.isArray(reply) ? reply.map(seen) : reply;
}
function parse(chunks: Buffer[]): unknown[] {
  const replies: unknown[] = [];
  const parser = new RespParser((reply) => replies.push(seen(reply)));
  for (const chunk of chunks) parser.feed(chunk);
  return replies;
}

const line = fc.string({
  unit: fc.constantFrom('O', 'K', 'Q', 'a', ' ', 'é', '\x7f', '$', '*', '+'),
  maxLength: 12,
});
const bytes = fc
  .uint8Array({ maxLength: 40 })
  .map((array) => Buffer.from(array).toString('latin1'))
  .chain((text) => fc.constantFrom(text, `${text}\r\n`, `+OK\r\n${text}`));
const { reply } = fc.letrec<{ reply: Model }>((tie) => ({
  reply: fc.oneof(
    { depthSize: 'small' },
    line.map((simple): Model => ({ simple })),
    fc.constant<Model>({ simple: 'OK' }),
    line.map((text): Model => ({ error: `ERR ${text}` })),
    fc.maxSafeInteger().map((number): Model => ({ number: number === 0 ? 0 : number })),
    fc.option(bytes).map((bulk): Model => ({ bulk })),
    fc.option(fc.array(tie('reply'), { maxLength: 5 })).map((list): Model => ({ list })),
  ),
}));

test('whatever is answered is read, wherever the stream is cut', () => {
  fc.assert(
    fc.property(fc.array(reply, { minLength: 1, maxLength: 6 }), (models) => {
      const stream = Buffer.from(models.map(encode).join(''), 'latin1');
      const expected = models.map(plain);
      for (let at = 0; at <= stream.length; at++)
        expect(parse([stream.subarray(0, at), stream.subarray(at)])).toEqual(expected);
      expect(parse([...stream].map((byte) => Buffer.from([byte])))).toEqual(expected);
    }),
    { numRuns: scaled(150) },
  );
});

test('a long value in many chunks is joined once', () => {
  const value = 'x'.repeat(20_000_000);
  const stream = Buffer.from(`*2\r\n$${value.length}\r\n${value}\r\n:1\r\n+OK\r\n`, 'latin1');
  const chunks = Array.from({ length: Math.ceil(stream.length / 1460) }, (_, i) =>
    stream.subarray(i * 1460, (i + 1) * 1460),
  );
  const joining = vi.spyOn(Buffer, 'concat');
  const [list, ok] = parse(chunks) as [string[], string];
  const joined = joining.mock.results.reduce((sum, { value }) => sum + (value as Buffer).length, 0);
  joining.mockRestore();
  // Joining again with each chunk would copy 7,000 times as much.
  expect(joined).toBeGreaterThan(0);
  expect(joined).toBeLessThan(1.01 * stream.length);
  expect(list[0] === value).toBe(true);
  expect([list[1], ok]).toEqual([1, 'OK']);
});

test.each([
  ...[
    'HTTP/1.1 400 Bad Request\r\n',
    'x',
    '\x15\x03\x01',
    '\r\n',
    ':12x4\r\n',
    ':\r\n',
    '+OK\rx',
    '-ERR\r\r\n',
  ],
  ...['$3\r\nabcd\r\n', '$99999999999\r\n', '*99999999999\r\n', '*1\r\n?', `+${'a'.repeat(70_000)}`, '$-\rx'],
])('what is not RESP is refused: %j', (text) => {
  expect(() => parse([Buffer.from(text, 'latin1')])).toThrow(NotResp);
});

test('bytes of any kind are replies, or not RESP, or not complete; wherever the stream is cut', () => {
  const noise = fc.array(
    fc.oneof(
      fc.constantFrom(
        '+',
        '-',
        ':',
        '$',
        '*',
        '\r',
        '\n',
        '\r\n',
        '0',
        '1',
        '-1',
        '3',
        '9999999999',
        'OK',
        'a',
        '\0',
      ),
      reply.map(encode),
    ),
    { maxLength: 12 },
  );
  const outcome = (chunks: Buffer[]): unknown => {
    const replies: unknown[] = [];
    const parser = new RespParser((one) => replies.push(seen(one)));
    try {
      for (const chunk of chunks) parser.feed(chunk);
      return replies;
    } catch (error) {
      expect(error).toBeInstanceOf(NotResp);
      return [...replies, 'not RESP'];
    }
  };
  fc.assert(
    fc.property(noise, (parts) => {
      const stream = Buffer.from(parts.join(''), 'latin1');
      const whole = outcome([stream]);
      expect(outcome([...stream].map((byte) => Buffer.from([byte])))).toEqual(whole);
    }),
    { numRuns: scaled(500) },
  );
});

test('commands are arrays of bulk strings, by the length of their bytes', () => {
  expect(encodeCommand(['SET', toBytes('a\r\nb'), '', '\xff' as ByteString])).toBe(
    '*4\r\n$3\r\nSET\r\n$4\r\na\r\nb\r\n$0\r\n\r\n$1\r\n\xff\r\n',
  );
  fc.assert(
    fc.property(fc.array(bytes, { minLength: 1 }), (args) => {
      expect(parse([Buffer.from(encodeCommand(args as ByteString[]), 'latin1')])).toEqual([args]);
    }),
  );
});

test('SETs of one encoder are as Redis wants each of them, whatever the one before was', () => {
  const ttl = fc.constantFrom(0, 1, 999, 1000, 1500, 60_000, 3_600_000);
  fc.assert(
    fc.property(fc.boolean(), fc.array(fc.tuple(bytes, bytes, ttl), { minLength: 1 }), (nx, entries) => {
      const encodeSet = setEncoder(nx);
      for (const [key, value, ttlMs] of entries) {
        const expiry = ttlMs === 0 ? [] : ttlMs % 1000 === 0 ? ['EX', ttlMs / 1000] : ['PX', ttlMs];
        const words = ['SET', key, value, ...expiry.map(String), ...(nx ? ['NX'] : [])];
        const sent = Buffer.from(encodeSet(key as ByteString, value as ByteString, ttlMs), 'latin1');
        expect(parse([sent])).toEqual([words]);
      }
    }),
  );
});
