import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import fc from 'fast-check';
import { expect, test } from 'vitest';

import { type ByteString, toBytes } from '../../../src/lib/core/bytes.js';
import { parseLogLine } from '../../../src/lib/access-log/line.js';
import { needs } from '../../servers/needs.js';
import { scaled } from '../../scale.js';

const line = (request: string, status: number | string = 200, after = ' "-" "curl/7.88.1"') =>
  `127.0.0.1 - - [10/Oct/2025:13:55:36 +0000] "${request}" ${status} 2326${after}`;

/** Reads the same lines with Python's shlex-free regular expression, as many log tools do. */
const python = `
import json, re, sys
pattern = re.compile(r'^(\\S+) (\\S+) (.+?) \\[([^\\]]+)\\] "((?:[^"\\\\]|\\\\.)*)" (\\d{3}|-) (\\d+|-)(?: "((?:[^"\\\\]|\\\\.)*)" "((?:[^"\\\\]|\\\\.)*)")?$')
for line in open(sys.argv[1], encoding='latin-1', newline='\\n'):
    match = pattern.match(line.rstrip('\\n'))
    if not match:
        print('null'); continue
    raw = re.sub(r'\\\\x([0-9A-Fa-f]{2})', lambda m: chr(int(m.group(1), 16)), match.group(5))
    parts = raw.split(' ')
    ok = len(parts) in (2, 3) and re.fullmatch(r'[A-Z]+', parts[0]) and parts[1] and (len(parts) == 2 or re.fullmatch(r'HTTP/[0-9](?:\\.[0-9])?', parts[2])) and not re.search(r'[\\t-\\r]', parts[1])
    status = None if match.group(6) == '-' else int(match.group(6))
    print(json.dumps({'method': parts[0] if ok else '', 'target': parts[1] if ok else '', 'status': status, 'time': match.group(4)}))
`;

needs('python3')('the common and combined formats', () => {
  test('say the same as a parser in Python', () => {
    const byte = fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code));
    /** As NGINX writes it: quotes, backslashes, control characters and bytes above 126 as \\xXX. */
    const escaped = (text: string) =>
      text.replace(
        // eslint-disable-next-line no-control-regex
        /["\\\x00-\x1f\x7f-\xff]/g,
        (char) => `\\x${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
      );
    const wild = fc.string({ unit: byte, maxLength: 30 });
    const path = fc.webPath({ size: 'small' }).map((text) => `/${text}`);
    const request = fc.oneof(
      {
        weight: 4,
        arbitrary: fc
          .tuple(fc.constantFrom('GET', 'HEAD', 'POST', 'PURGE'), path)
          .map(([m, p]) => `${m} ${p} HTTP/1.1`),
      },
      fc.tuple(fc.constantFrom('GET', 'get', ''), wild).map(([m, p]) => `${m} ${p} HTTP/1.0`),
      wild,
      fc.constant('-'),
    );
    const record = fc.record({
      user: fc.constantFrom('-', 'alice', 'jo smith'),
      request,
      status: fc.constantFrom('200', '304', '404', '499', '-', '20'),
      size: fc.constantFrom('0', '17', '-'),
      tail: fc.oneof(
        fc.constant(''),
        fc.tuple(wild, wild).map(([a, b]) => ` "${escaped(a)}" "${escaped(b)}"`),
      ),
    });
    const folder = mkdtempSync(join(tmpdir(), 'metrify-log-'));
    try {
      const file = join(folder, 'access.log');
      const lines = fc
        .sample(record, { numRuns: 4000, seed: 7 })
        .map(
          ({ user, request, status, size, tail }) =>
            `10.0.0.1 - ${user} [10/Oct/2025:13:55:36 +0000] "${escaped(request)}" ${status} ${size}${tail}`,
        );
      writeFileSync(file, `${lines.join('\n')}\n`, 'latin1');
      const answers = execFileSync('python3', ['-c', python, file], { encoding: 'utf8', maxBuffer: 2 ** 26 })
        .trim()
        .split('\n')
        .map((text) => JSON.parse(text) as { method: string; target: string; status: number | null } | null);
      expect(answers.length).toBe(lines.length);
      lines.forEach((text, i) => {
        const ours = parseLogLine(text as ByteString);
        const theirs = answers[i];
        expect(ours && { ...ours, status: ours.status ?? null }, text).toEqual(theirs ?? undefined);
      });
      // The sample holds some of each kind.
      expect(answers.filter((answer) => answer === null).length).toBeGreaterThan(100);
      expect(answers.filter((answer) => answer?.method === '').length).toBeGreaterThan(100);
      expect(answers.filter((answer) => answer?.method === 'GET').length).toBeGreaterThan(100);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

test('quotes escaped in the manner of Apache end nothing, and name no other request', () => {
  const parsed = parseLogLine(
    toBytes(line('GET /a\\"\\" HTTP/1.1', 200, ' "-" "x\\" [1] \\"GET /evil HTTP/1.1\\" 200 1"')),
  );
  expect(parsed).toEqual({ method: 'GET', target: '/a""', status: 200, time: '10/Oct/2025:13:55:36 +0000' });
});

test.each([
  ['a virtual host before it', `example.com:443 ${line('GET /v HTTP/1.1')}`, '/v'],
  ['fields after it', line('GET /f HTTP/2.0', 200, ' "-" "curl" rt=0.003 "gzip"'), '/f'],
  ['the common format', line('GET /c HTTP/1.1', 304, ''), '/c'],
  [
    'an absolute target, of varnishncsa',
    line('GET http://example.com/v?q=1 HTTP/1.1'),
    'http://example.com/v?q=1',
  ],
])('%s', (_, text, target) =>
  expect(parseLogLine(text as ByteString)).toMatchObject({ method: 'GET', target }),
);

test.each([
  '',
  'Oct 10 host nginx[1]: started',
  '{"half": ',
  '[]',
  '127.0.0.1 - - [10/Oct/2025:13:55:36 +0000] "GET /a',
])('no request: %j', (text) => expect(parseLogLine(text as ByteString)).toBeUndefined());

test('a request line that is none is a request without a method', () => {
  expect(parseLogLine(toBytes(line('\\x16\\x03\\x01', 400)))).toMatchObject({ method: '', status: 400 });
});

const json: [name: string, document: unknown, expected: object][] = [
  [
    'NGINX, escape=json',
    {
      time: '1',
      request: 'GET /a?b=1 HTTP/1.1',
      status: '200',
      http_accept_encoding: 'gzip',
      http_host: 'x.example',
    },
    { method: 'GET', target: '/a?b=1', status: 200, acceptEncoding: 'gzip', host: 'x.example' },
  ],
  [
    'NGINX with $uri beside $request_uri: what was sent wins',
    {
      uri: '/decoded path',
      request_uri: '/decoded%20path?x',
      request_method: 'HEAD',
      status: 304,
      http_accept_encoding: '',
    },
    { method: 'HEAD', target: '/decoded%20path?x', status: 304, acceptEncoding: '' },
  ],
  ['NGINX with $uri and $args', { method: 'GET', uri: '/a', args: 'b=1', status: 200 }, { target: '/a?b=1' }],
  ['an empty query', { method: 'GET', path: '/a', query: '-', status: 200 }, { target: '/a' }],
  [
    'Caddy',
    {
      level: 'info',
      request: {
        method: 'GET',
        host: 'c.example',
        uri: '/c?x=1',
        headers: { 'Accept-Encoding': ['gzip, br'], 'User-Agent': ['curl'] },
      },
      status: 200,
    },
    { method: 'GET', target: '/c?x=1', status: 200, host: 'c.example', acceptEncoding: 'gzip, br' },
  ],
  [
    'Envoy',
    {
      method: 'GET',
      path: '/rewritten',
      'x-envoy-original-path': '/e',
      response_code: 200,
      authority: 'e.example',
    },
    { target: '/e', status: 200, host: 'e.example' },
  ],
  [
    'varnishncsa -F',
    { request: 'GET http://v.example/v HTTP/1.1', status: 200, accept_language: 'de', accept: '-' },
    { target: 'http://v.example/v', acceptLanguage: 'de', accept: '' },
  ],
  [
    'Elastic Common Schema',
    {
      http: { request: { method: 'get' }, response: { status_code: 200 } },
      url: { path: '/s', query: 'q=1' },
    },
    { method: 'GET', target: '/s?q=1', status: 200 },
  ],
  [
    'Google',
    { httpRequest: { requestMethod: 'GET', requestUrl: 'https://g.example/g', status: 200 } },
    { method: 'GET', target: 'https://g.example/g', status: 200 },
  ],
];
test.each(json)('JSON: %s', (_, document, expected) =>
  expect(parseLogLine(toBytes(JSON.stringify(document)))).toMatchObject(expected),
);

test('JSON without a path, or without a method, is no request', () => {
  expect(parseLogLine(toBytes('{"status":200,"method":"GET"}'))).toBeUndefined();
  expect(parseLogLine(toBytes('{"status":200,"path":"/a"}'))).toBeUndefined();
  expect(parseLogLine(toBytes('{"request":"","status":400}'))).toMatchObject({ method: '' });
});

test('any line is read or refused, never a failure', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.json()), (text) => {
      const parsed = parseLogLine(text as ByteString);
      if (parsed) expect(typeof parsed.target).toBe('string');
    }),
    { numRuns: scaled(2000) },
  );
});
