import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { buffer } from 'node:stream/consumers';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { SearchConnection } from '../../../src/lib/clients/search/connection.js';
import type { SearchSettings } from '../../../src/lib/clients/search/settings.js';
import { withAwsVariables } from '../../../src/lib/clients/search/sign-in.js';
import { scaled } from '../../scale.js';
import { lakeFolder } from '../../servers/cache-folder.js';
import { needs } from '../../servers/needs.js';
import { serving, signal } from '../../unit/http/peer.js';

interface Received {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

needs('lake')('signatures of AWS', () => {
  let botocore: ChildProcessWithoutNullStreams;
  let lines: AsyncIterator<string>;
  beforeAll(() => {
    botocore = spawn('python3', [fileURLToPath(new URL('signature.py', import.meta.url))], {
      env: { ...process.env, PYTHONPATH: lakeFolder() },
    });
    lines = createInterface({ input: botocore.stdout })[Symbol.asyncIterator]();
  });
  afterAll(() => botocore.stdin.end());

  /** What botocore says of a request. */
  async function judged(received: Received, login: object): Promise<unknown> {
    botocore.stdin.write(`${JSON.stringify({ ...received, ...login })}\n`);
    const line = await lines.next();
    return JSON.parse(line.value as string);
  }

  /** Texts that paths, queries and signatures could take apart. */
  const text = fc.oneof(
    fc.string({ unit: 'grapheme', minLength: 1 }),
    fc.constantFrom('a b', 'a+b', 'a%2Fb', 'a/b', '*', "'()!~", 'é', '=&', ',', ';', '..-', '日本'),
  );
  const word = fc.stringMatching(/^[A-Za-z0-9/+=]{8,40}$/);
  const request = fc.record({
    method: fc.constantFrom('GET' as const, 'POST' as const, 'PUT' as const, 'DELETE' as const),
    index: text.filter((name) => !/^\.{1,2}$/.test(name)),
    query: fc.dictionary(text, fc.string({ unit: 'grapheme' }), { maxKeys: 4 }),
    body: fc.option(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 2000 }), { nil: undefined }),
    gzip: fc.boolean(),
    below: fc.constantFrom('', '/below'),
    awsService: fc.constantFrom('es' as const, 'aoss' as const),
    awsRegion: fc.constantFrom('eu-central-1', 'us-gov-west-1'),
    id: word,
    key: word,
    token: fc.option(word, { nil: undefined }),
  });

  test('are those of botocore', async () => {
    const received: Received[] = [];
    const origin = await serving((incoming, response) => {
      void buffer(incoming).then((body) => {
        received.push({
          ...{ method: incoming.method!, url: `${origin}${incoming.url}`, body: body.toString('hex') },
          headers: incoming.headers as Record<string, string>,
        });
        response.end('{}');
      });
    });
    await fc.assert(
      fc.asyncProperty(request, async ({ method, index, query, body, below, id, key, token, ...more }) => {
        const settings: SearchSettings = { urls: [origin + below], ...more };
        const connection = await SearchConnection.open(
          'elasticsearch',
          withAwsVariables(settings, {
            AWS_ACCESS_KEY_ID: id,
            AWS_SECRET_ACCESS_KEY: key,
            AWS_SESSION_TOKEN: token ?? '',
          }),
          { connectTimeoutMs: 20_000, requestTimeoutMs: 20_000 },
        );
        const path = `/${encodeURIComponent(index)}/_search`;
        await connection.send({ method, path, query, body: method === 'GET' ? undefined : body }, signal);
        connection.close();
        // OpenSearch Serverless refuses a length that is signed.
        expect(received[0]!.headers['authorization']).not.toContain('content-length');
        const login = { service: more.awsService, region: more.awsRegion, key: id, secret: key };
        expect(await judged(received.pop()!, { ...login, token: token ?? null })).toBe('right');
      }),
      { numRuns: scaled(100) },
    );
  });

  test('a signed request of another kind is noticed', async () => {
    const signed = {
      method: 'GET',
      url: 'http://h/',
      body: '',
      headers: {
        host: 'h',
        'x-amz-date': '20260101T000000Z',
        'x-amz-content-sha256': 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
        authorization: 'AWS4-HMAC-SHA256 Credential=i/x, SignedHeaders=host;x-amz-date, Signature=00',
      },
    };
    const login = { service: 'es', region: 'r', key: 'i', secret: 's', token: null };
    expect(await judged(signed, login)).toMatch(/^expected/);
  });
});

test('what the settings say of AWS goes before its variables, and halves are refused', () => {
  const settings = { urls: ['https://h'], awsRegion: 'r' };
  const variables = { AWS_ACCESS_KEY_ID: 'vi', AWS_SECRET_ACCESS_KEY: 'vk', AWS_SESSION_TOKEN: 'vt' };
  const own = { awsAccessKeyId: 'i', awsSecretAccessKey: 'k' };
  expect(withAwsVariables(settings, variables)).toMatchObject({
    ...{ awsAccessKeyId: 'vi', awsSecretAccessKey: 'vk', awsSessionToken: 'vt' },
  });
  expect(withAwsVariables({ ...settings, ...own }, variables)).toMatchObject({
    ...own,
    awsSessionToken: undefined,
  });
  for (const env of [{}, { AWS_ACCESS_KEY_ID: 'i' }, { AWS_ACCESS_KEY_ID: 'i', AWS_SECRET_ACCESS_KEY: '' }])
    expect(() => withAwsVariables(settings, env)).toThrow(/credentials for AWS were given/);
  expect(withAwsVariables({ urls: ['https://h'] }, variables)).toEqual({ urls: ['https://h'] });
});
