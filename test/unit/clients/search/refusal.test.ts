import { createServer as createTcpServer } from 'node:net';
import type { RequestListener } from 'node:http';

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { introduced } from '../../../../src/lib/clients/search/answer.js';
import { SearchConnection } from '../../../../src/lib/clients/search/connection.js';
import { elasticIntroduction } from '../../../../src/lib/clients/search/introductions.js';
import type { SearchSettings } from '../../../../src/lib/clients/search/settings.js';
import { UserError } from '../../../../src/lib/core/errors.js';
import { scaled } from '../../../scale.js';
import { freePort } from '../../../servers/ports.js';
import { listening, serving, signal } from '../../http/peer.js';

/** What comes of asking whoever answers there who it is. */
async function askWho(url: string, settings: Partial<SearchSettings> = {}): Promise<UserError> {
  try {
    const connection = await SearchConnection.open(
      'elasticsearch',
      { urls: [url], ...settings },
      { connectTimeoutMs: 20_000, requestTimeoutMs: 20_000 },
    );
    await introduced(connection, elasticIntroduction(settings), signal).finally(() => connection.close());
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
    return error as UserError;
  }
  return expect.fail('it should have been refused');
}

const answering =
  (status: number, body: string, headers: Record<string, string> = {}): RequestListener =>
  (_, response) =>
    response.writeHead(status, headers).end(body);

describe('what answers', () => {
  const security = (reason: string) => JSON.stringify({ error: { type: 'security_exception', reason } });

  test.each<[string, RequestListener, Partial<SearchSettings>, string, string, RegExp]>([
    ...(
      [
        ['nobody signs in', {}, 401, /set elasticsearch.apiKey, or elasticsearch.username/],
        ['an API key', { apiKey: 'k' }, 401, /^Check elasticsearch.apiKey\.$/],
        ['a bearer', { token: 't' }, 401, /^Check elasticsearch.token\.$/],
        ['a user', { username: 'u', password: 'p' }, 401, /^Check elasticsearch.username and/],
        ['an API key without a privilege', { apiKey: 'k' }, 403, /^Give elasticsearch.apiKey the privileges/],
      ] as const
    ).map(
      ([name, settings, status, hint]) =>
        [
          ...[name, answering(status, security('not for you')), settings, 'SERVICE_REFUSED'],
          ...['Elasticsearch at HOST refused us: not for you', hint],
        ] as [string, RequestListener, Partial<SearchSettings>, string, string, RegExp],
    ),
    [
      'AWS, signed wrong',
      answering(403, '{"message":"The request signature we calculated does not match"}'),
      { awsRegion: 'r', awsAccessKeyId: 'i', awsSecretAccessKey: 's' },
      'SERVICE_REFUSED',
      'Elasticsearch at HOST refused us: The request signature we calculated does not match',
      /elasticsearch.awsRegion/,
    ],
    [
      "a proxy's page",
      answering(502, '<html>\r\n<head><title>502 Bad Gateway</title></head><body><h1>502</h1></body></html>'),
      {},
      'SEARCH_REFUSED',
      'Elasticsearch at HOST answered with an error: HTTP 502: 502 Bad Gateway',
      /^$/,
    ],
    [
      'nothing but a status',
      answering(500, ''),
      {},
      'SEARCH_REFUSED',
      'Elasticsearch at HOST answered with an error: HTTP 500',
      /^$/,
    ],
    [
      'a redirect',
      answering(302, '', { location: 'https://u:hidden12@other/login' }),
      {},
      'SEARCH_REFUSED',
      'Elasticsearch at HOST answered with an error: it redirects to https://u:***@other/login',
      /^Check elasticsearch.url/,
    ],
    [
      'a web site',
      answering(200, '<!DOCTYPE html><html><head><title>Kibana</title></head></html>'),
      {},
      'NOT_A_SEARCH_SERVER',
      'HOST answers, but not as Elasticsearch or OpenSearch: Kibana',
      /^Check elasticsearch.url/,
    ],
    [
      'another service',
      answering(200, '{"version":"1"}'),
      {},
      'NOT_A_SEARCH_SERVER',
      'HOST answers, but not as Elasticsearch or OpenSearch: {"version":"1"}',
      /^Check elasticsearch.url/,
    ],
    [
      'nothing',
      answering(200, ''),
      {},
      'NOT_A_SEARCH_SERVER',
      'HOST answers, but not as Elasticsearch or OpenSearch',
      /^Check elasticsearch.url/,
    ],
  ])('%s', async (_, listener, settings, code, message, hint) => {
    const url = await serving(listener);
    const error = await askWho(url, settings);
    expect(error).toMatchObject({ code, message: message.replace('HOST', new URL(url).host) });
    expect(error.hint ?? '').toMatch(hint);
  });

  test('an index that takes no writes is not a question of who asks', async () => {
    const url = await serving(
      answering(
        403,
        '{"error":{"type":"cluster_block_exception","reason":"index [i] blocked by: [FORBIDDEN/5]"}}',
      ),
    );
    expect(await askWho(url)).toMatchObject({ code: 'SEARCH_REFUSED', hint: undefined });
  });
});

test('no failure shows a secret, whatever a server repeats', async () => {
  let fault: Fault;
  const echoing = await serving((request, response) => {
    const echo = `${fault.padding}${Object.entries(request.headers).reverse().flat().join(fault.separator)}`;
    const body = {
      json: JSON.stringify({ error: { type: 'x', reason: echo } }),
      text: echo,
      html: page(echo),
    }[fault.shape];
    const location = { location: `https://other/?${encodeURIComponent(echo)}` };
    response.writeHead(fault.status, fault.status === 302 ? location : {}).end(body);
  });
  const page = (echo: string) => `<html><head><title>${echo}</title></head></html>`;
  const garbling = createTcpServer((socket) =>
    socket.on('data', (bytes) => socket.end(`HTTP/1.1 ${String(bytes)}`)),
  );
  const places = {
    echoing,
    garbling: `http://127.0.0.1:${await listening(garbling)}`,
    nowhere: `http://127.0.0.1:${await freePort()}`,
    'another protocol': echoing.replace('http:', 'https:'),
  };
  const secret = fc.oneof(
    fc.stringMatching(/^[A-Za-z0-9+/=_.-]{8,200}$/),
    fc.string({ unit: 'grapheme', minLength: 8, maxLength: 80 }),
    fc.stringMatching(/^[ -~]{8,80}$/),
  );
  const faults = fc.record({
    place: fc.constantFrom(...(Object.keys(places) as (keyof typeof places)[])),
    status: fc.constantFrom(200, 302, 400, 401, 403, 404, 500, 502),
    shape: fc.constantFrom('json' as const, 'text' as const, 'html' as const),
    separator: fc.constantFrom(': ', '\n', '","', ' '),
    // An excerpt has 500 characters, or 100.
    padding: fc
      .oneof(fc.constant(0), fc.integer({ min: 0, max: 100 }), fc.integer({ min: 400, max: 520 }))
      .map((count) => 'x '.repeat(count / 2)),
    way: fc.constantFrom('apiKey', 'token', 'password', 'url', 'aws', 'session'),
    secret,
  });
  type Fault = typeof faults extends fc.Arbitrary<infer T> ? T : never;
  await fc.assert(
    fc.asyncProperty(faults, async (one) => {
      fault = one;
      const url = places[one.place];
      const ways: Record<string, Partial<SearchSettings>> = {
        apiKey: { apiKey: one.secret },
        token: { token: one.secret },
        password: { username: 'someone', password: one.secret },
        url: { urls: [url.replace('//', `//someone:${encoded(one.secret)}@`)] },
        aws: { awsRegion: 'r', awsAccessKeyId: 'i', awsSecretAccessKey: one.secret },
        session: {
          ...{ awsRegion: 'r', awsAccessKeyId: 'i', awsSecretAccessKey: 'k', awsSessionToken: one.secret },
        },
      };
      const { message, hint } = await askWho(url, ways[one.way]);
      const basic = Buffer.from(`someone:${one.secret}`).toString('base64');
      for (const form of [one.secret, basic, encoded(one.secret)]) {
        // As a message has it: on one line. And half of it, at the end of an excerpt.
        const line = form.replace(/\s+/g, ' ').trim();
        if (line.length < 8) continue;
        expect(`${message}\n${hint ?? ''}`).not.toContain(line);
        expect(message.replace(/…$/, '')).not.toMatch(new RegExp(`${escaped(line.slice(0, 8))}[^ ]*$`));
      }
    }),
    { numRuns: scaled(150) },
  );
});

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

/** Half of a surrogate pair has no code. */
function encoded(text: string): string {
  return encodeURIComponent(Buffer.from(text).toString());
}
