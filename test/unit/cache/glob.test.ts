import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import {
  compileGlob,
  exampleKey,
  hasLiteral,
  literalPrefix,
  redisGlob,
} from '../../../src/lib/cache/glob.js';
import { toBytes, type ByteString } from '../../../src/lib/core/bytes.js';
import { growth } from '../../growth.js';
import { needs } from '../../servers/needs.js';
import { startRedis, type RedisServer } from '../../servers/redis.js';
import { scaled } from '../../scale.js';

describe('literalPrefix', () => {
  it.each([
    ['meter:*:latest', 'meter:'],
    ['meter:1', 'meter:1'],
    ['a\\*b*', 'a*b'],
    ['[m]eter*', 'meter'],
    ['zä*', toBytes('zä')],
    ['*a', ''],
    ['?', ''],
    ['ab[cd]', 'ab'],
  ])('of %s', (pattern, prefix) => expect(literalPrefix(pattern)).toBe(prefix));
});

it.each(['meter:*:latest', String.raw`\*\x00é`, 'a'])('exampleKey of %s is matched', (pattern) =>
  expect(compileGlob(pattern)(exampleKey(pattern))).toBe(true),
);

describe('hasLiteral', () => {
  it.each(['*', '**', '?*', '[a-z]*', '', '[^a]', '*[^:]?'])('not in %s', (pattern) =>
    expect(hasLiteral(pattern)).toBe(false),
  );
  it.each(['a*', '*:*', '\\**', '[[]*', '*x'])('in %s', (pattern) => expect(hasLiteral(pattern)).toBe(true));
});

it('takes no exponential time', () => {
  const text = 'a'.repeat(60);
  const match = (stars: number) => {
    const matches = compileGlob('a*'.repeat(stars) + 'b');
    for (let i = 0; i < 50; i++) expect(matches(toBytes(text))).toBe(false);
  };
  // Backtracking tries all the ways to cut the text: 34,220 with three stars, 5,461,512 with five.
  expect(growth(match, 3, 5)).toBeLessThan(40);
  expect(compileGlob('a*'.repeat(200) + 'b')(toBytes('a'.repeat(5000)))).toBe(false);
});

needs('redis')('against the matching of redis-server', () => {
  let server: RedisServer;
  let redis: Redis;
  const letters = ['a', 'b', 'c', 'z', ':', '-', ']', '[', '^', '\\', '*', '?', '\x00', toBytes('é')];
  const keys = new Set<string>(['']);

  beforeAll(async () => {
    server = await startRedis();
    redis = new Redis(connect(server.port, '127.0.0.1'));
    const word = fc.array(fc.constantFrom(...letters), { maxLength: 7 }).map((parts) => parts.join(''));
    for (const key of fc.sample(word, { numRuns: 1500, seed: 7 })) keys.add(key);
    for (const key of keys) await redis.call('SET', key, '');
  });
  afterAll(async () => {
    redis.close();
    await server.stop();
  });

  it('agrees for every pattern', async () => {
    const piece = fc.oneof(
      { weight: 3, arbitrary: fc.constantFrom('*', '?', '[', ']', '^', '-', '\\', 'a', 'b', 'z', ':', 'é') },
      {
        weight: 1,
        arbitrary: fc.constantFrom('[a-c]', '[^a]', '[z-a]', '[é-b]', '[]', '[^]', '\\*', '[\\]a]', '[a-'),
      },
    );
    const pattern = fc.array(piece, { maxLength: 8 }).map((parts) => parts.join(''));
    let matched = 0;
    await fc.assert(
      fc.asyncProperty(pattern, async (text) => {
        const match = compileGlob(text);
        const ours = ([...keys] as ByteString[]).filter(match).sort();
        matched += ours.length;
        expect(ours).toEqual((await redis.call('KEYS', toBytes(text))).sort());
        const prefix = literalPrefix(text);
        expect(ours.filter((key) => !key.startsWith(prefix))).toEqual([]);
      }),
      { numRuns: scaled(1500) },
    );
    expect(matched).toBeGreaterThan(1000);
  });

  it('agrees for patterns with bytes, and with what the same bytes are in a regular expression', async () => {
    const piece = fc.constantFrom<[glob: string, regularExpression: string]>(
      ['*', '[^]*'],
      ['?', '[^]'],
      ['a', 'a'],
      [String.raw`\\`, String.raw`\\`],
      [String.raw`\x5b`, String.raw`\x5b`],
      [String.raw`\x5D`, String.raw`\x5d`],
      [String.raw`\x5c`, String.raw`\x5c`],
      [String.raw`\x2a`, String.raw`\x2a`],
      [String.raw`\x00`, String.raw`\x00`],
      [String.raw`\xc3`, String.raw`\xc3`],
      ['\\u00e9', String.raw`\xc3\xa9`],
      ['\\u005b', String.raw`\x5b`],
      [String.raw`[\u0061-c]`, '[a-c]'],
      [String.raw`\\u0061`, String.raw`\\u0061`],
      [String.raw`[\x00-\x3f]`, String.raw`[\x00-\x3f]`],
      [String.raw`[^\x5b-\x5e]`, String.raw`[^\x5b-\x5e]`],
      [String.raw`[a-\x7f]`, String.raw`[a-\x7f]`],
      [String.raw`[\xc3\xa9:]`, String.raw`[\xc3\xa9:]`],
      [String.raw`[\x5d\]]`, String.raw`[\x5d]`],
    );
    let matched = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 6 }), async (pieces) => {
        const text = pieces.map(([glob]) => glob).join('');
        const regularExpression = new RegExp(`^(?:${pieces.map(([, source]) => source).join('')})$`);
        // Only `*` itself matches the empty key.
        const right = [...keys].filter(
          (key) => regularExpression.test(key) && (key !== '' || /^\*?$/.test(text)),
        );
        matched += right.length;
        expect(([...keys] as ByteString[]).filter(compileGlob(text)).sort()).toEqual(right.sort());
        expect((await redis.call('KEYS', redisGlob(text))).sort()).toEqual(right);
      }),
      { numRuns: 1000 },
    );
    expect(matched).toBeGreaterThan(1000);
  });
});

/** Just enough RESP to ask for keys with any bytes in them. */
class Redis {
  private text = '';
  constructor(private readonly socket: Socket) {
    socket.setEncoding('latin1').on('data', (chunk: string) => (this.text += chunk));
  }

  async call(...args: string[]): Promise<string[]> {
    this.text = '';
    this.socket.write(
      `*${args.length}\r\n${args.map((arg) => `$${arg.length}\r\n${arg}\r\n`).join('')}`,
      'latin1',
    );
    for (;;) {
      const answer = parse(this.text);
      if (answer) return answer;
      await once(this.socket, 'data');
    }
  }

  close(): void {
    this.socket.destroy();
  }
}

function parse(text: string): string[] | undefined {
  const head = /^([+*-])(.*)\r\n/.exec(text);
  if (!head) return undefined;
  if (head[1] === '-') throw new Error(head[2]);
  if (head[1] === '+') return [];
  const items: string[] = [];
  let at = head[0].length;
  for (let i = 0; i < Number(head[2]); i++) {
    const lineEnd = text.indexOf('\r\n', at);
    const end = lineEnd + 2 + Number(text.slice(at + 1, lineEnd));
    if (lineEnd < 0 || text.length < end + 2) return undefined;
    items.push(text.slice(lineEnd + 2, end));
    at = end + 2;
  }
  return items;
}
