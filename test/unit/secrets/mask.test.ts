import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { hasPassword, maskSecrets, secretsOf } from '../../../src/lib/core/secrets/mask.js';
import { growth } from '../../growth.js';

/** A marker that no other part of a text has. */
const secret = fc.stringMatching(/^[A-Z]{8}$/).map((text) => `Q${text}Q`);
const around = fc.string({ unit: fc.constantFrom(...'aZ0/?#:;&=%@ \'"\\,+~!$()[]{}.-_'), maxLength: 12 });
/** Passwords of every shape: digits and a slash first, spaces, several @, escapes. */
const password = fc
  .tuple(fc.oneof(around, fc.constantFrom('12/', '6379/', '80?', '5 ', '%zz', 'p%40')), secret, around)
  .map((parts) => ({ text: parts.join(''), secret: parts[1] }));
const scheme = fc.constantFrom(
  'redis',
  'rediss',
  'postgres',
  'postgresql',
  'http',
  'https',
  'hazelcast',
  'REDIS',
);
const user = fc.constantFrom('', 'u', 'ann', 'ann%40corp', 'ann@corp.example');
const host = fc.constantFrom('127.0.0.1:6379', 'localhost', '[::1]:5432', 'db.example:443');
const rest = fc.constantFrom('', '/', '/0', '/db?sslmode=require', '?x=1');
const url = fc
  .tuple(scheme, user, password, host, rest)
  .map(([s, u, p, h, r]) => ({ text: `${s}://${u}:${p.text}@${h}${r}`, secret: p.secret, host: h }));

describe('a password in a URL', () => {
  it('never survives, whatever it holds, and the host does', () => {
    fc.assert(
      fc.property(url, ({ text, secret: hidden, host: at }) => {
        const masked = maskSecrets(text);
        expect(masked).not.toContain(hidden);
        expect(masked).toContain(`:***@${at}`);
      }),
      { numRuns: 2000 },
    );
  });

  it('is refused where it may not stand', () => {
    fc.assert(
      fc.property(url, ({ text }) => {
        expect(hasPassword(text)).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  it('never survives in a sentence, nor among other URLs', () => {
    const plain = fc.stringMatching(/^[^\s@]{0,8}$/).map((text) => text.replaceAll('://', ''));
    fc.assert(
      fc.property(url, secret, plain, ({ text, secret: first }, second, end) => {
        // In a sentence that is a port of HTTP, whose path may have an @.
        fc.pre(!/^http[^:]*:\/\/[^:]*:\d{1,5}\W/i.test(text));
        const said = `ERR redis://other:6379,redis://u:${second}@h and ${text} refused us\nredis://h:1 ${end}`;
        const masked = maskSecrets(said);
        expect(masked).not.toContain(first);
        expect(masked).not.toContain(second);
        expect(masked).toContain('redis://other:6379,');
      }),
      { numRuns: 2000 },
    );
  });

  it.each([
    ['redis://u:12/s3cr3t@127.0.0.1:41001', 'redis://u:***@127.0.0.1:41001'],
    ['redis://:s3 cr3t@127.0.0.1:41001', 'redis://:***@127.0.0.1:41001'],
    ['postgres://u:12/s3cr3t@h/db', 'postgres://u:***@h/db'],
    ['http://u:12/s3cr3t@127.0.0.1:9090', 'http://u:***@127.0.0.1:9090'],
    ['redis://u:s3:cr@et@h', 'redis://u:***@h'],
    ['redis://u:a://s3cr3t@h', 'redis://u:***@h'],
    ['redis://us/er:s3cr3t@h', 'redis://us/er:***@h'],
    ['x redis://:s3cr3t@[::1]:6379, y', 'x redis://:***@[::1]:6379, y'],
  ])('in %s', (text, masked) => expect(maskSecrets(text)).toBe(masked));

  it.each([
    'redis://h:6379/0',
    'redis://u@h:6379/0',
    'redis://h1:6379,redis://h2:6379',
    'http://[::1]:80/x',
    'GET http://h:80/x for ops@example.com',
    'Get "https://10.0.0.1:6443/api": mail ops@example.com',
    'default/redis@10.0.0.1:6379',
    'meter:{meter_id}:latest',
    'smoke[0].headers.Authorization: refers to the environment variable TOKEN, which is not set',
    'redis.password: a secret must not be in this file: write { env: NAME } or { file: PATH } instead',
    'password authentication failed for user "ann"',
    'Bearer authentication is needed',
    'page:{id}?token={token}',
  ])('is not seen in %s', (text) => expect(maskSecrets(text)).toBe(text));
});

describe('a value with a secret name', () => {
  const names = [
    'password passwd pwd sslpassword auth token access_token api_key apikey secret client_secret X-Amz-Signature',
    'pass%77ord %70assword x.password',
  ].flatMap((line) => line.split(' '));
  const name = fc.constantFrom(...names);
  const value = fc
    .tuple(secret, fc.string({ unit: fc.constantFrom(...'aZ09/?:;@=%+,.-'), maxLength: 10 }))
    .map(([hidden, end]) => ({ text: `${hidden}${end}`, hidden }));

  it('never survives as a parameter, also of a parameter', () => {
    const form = fc.constantFrom(
      (n: string, v: string) => `postgres://h/db?a=b&${n}=${v}&c=d`,
      (n: string, v: string) => `http://h:80/p?${n}=${v}`,
      (n: string, v: string) => `postgres://h/db?options=-c ${n}%3D${v}&c=d`,
      (n: string, v: string) => `postgres://h/db?options=-c%20${n}%3d${encodeURIComponent(v)}`,
      (n: string, v: string) => `http://h/login?next=%2Fx%3F${n}%253D${v}`,
      (n: string, v: string) => `rediss://h,redis://h?${n.toUpperCase()}=${v}`,
    );
    fc.assert(
      fc.property(form, name, value, (make, n, { text, hidden }) => {
        const written = make(n, text);
        expect(maskSecrets(written)).not.toContain(hidden);
        expect(maskSecrets(`it said: ${written} is not there`)).not.toContain(hidden);
        expect(hasPassword(written)).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  it('never survives in connection strings, JSON and headers', () => {
    const quoted = (text: string) => `'${text.replace(/['\\]/g, '\\$&')}'`;
    const any = fc.tuple(fc.string({ maxLength: 8 }), secret, fc.string({ maxLength: 8 }));
    fc.assert(
      fc.property(any, ([before, hidden, after]) => {
        const text = before + hidden + after;
        for (const written of [
          `host=h password=${quoted(text)} dbname=d`,
          `it answered ${JSON.stringify({ user: 'u', password: text, n: 1 })} to us`,
          `it answered ${JSON.stringify({ 'x-api-key': text })}`,
        ])
          expect(maskSecrets(written)).not.toContain(hidden);
        if (!/["'\n]/.test(text))
          for (const header of ['Authorization', 'proxy-authorization', 'Cookie', 'X-Api-Key', 'Set-Cookie'])
            expect(maskSecrets(`GET /\n${header}: ${text}\nAccept: a/b`)).toMatch(/: *\*\*\*\nAccept: a\/b$/);
      }),
      { numRuns: 1000 },
    );
    expect(maskSecrets('sent Bearer eyJhbGci.4 to it, and Basic dTpw dTpwYXNzd29yZA==')).not.toContain('eyJ');
    expect(maskSecrets("alter role x PASSWORD 's3''cr3t'")).not.toContain('s3');
    expect(maskSecrets("create user x identified by 's3cr3t' y")).toBe("create user x identified by '***' y");
  });

  it('is refused in a URL and a connection string, not in a sentence or a query', () => {
    expect(hasPassword("select * from users where password='x'")).toBe(false);
    expect(hasPassword("host=h password='x'")).toBe(true);
    expect(secretsOf('redis://u:a%40b@h,redis://:c d@h?token=e')).toEqual(['a%40b', 'c d', 'e']);
  });
});

it('what nothing is hidden in stays as it is', () => {
  const harmless = fc.string().filter((text) => !/[@=:%']|bearer|basic/i.test(text));
  fc.assert(
    fc.property(harmless, (text) => {
      expect(maskSecrets(text)).toBe(text);
    }),
  );
});

it('a mask is not masked again', () => {
  fc.assert(
    fc.property(url, ({ text }) => {
      const once = maskSecrets(text);
      expect(maskSecrets(once)).toBe(once);
    }),
  );
});

describe('masking takes time in proportion to the length of the text', () => {
  const kinds = {
    letters: 'a',
    schemes: 'a://',
    'URLs without an end': 'redis://u:p ',
    'URLs with passwords': 'redis://u:p@h ',
    'URLs of ports': 'http://h:80/ ',
    'at signs': '@',
    colons: ':',
    brackets: 'a://[',
    equals: '=',
    parameters: 'token=',
    'quoted parameters': `password='`,
    escapes: '%3D%25',
    'escaped names': 'pass%77ord%253d',
    members: `"token":`,
    headers: 'authorization:',
    credentials: 'bearer ',
    spaces: ' ',
    lines: '\n',
    sentence: 'could not reach http://h:80/x?a=b&c=d: ops@example.com said "no" ',
  };
  it.each(Object.entries(kinds))('%s', (_, part) => {
    const texts = new Map([100_000, 1_000_000].map((size) => [size, part.repeat(size / part.length)]));
    const work = (size: number) => {
      maskSecrets(texts.get(size)!);
    };
    expect(growth(work, 100_000, 1_000_000)).toBeLessThanOrEqual(12);
  });
});
