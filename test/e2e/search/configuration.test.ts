import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { parse } from 'yaml';

import { temporaryDirectory, type TemporaryDirectory } from '../../servers/process.js';
import { metrifyInProcess } from '../in-process.js';

let folder: TemporaryDirectory;
beforeAll(async () => {
  folder = await temporaryDirectory('search-configuration');
});
afterAll(() => folder.remove());

const secrets = {
  PASSWORD: 'geheim-password',
  API_KEY: 'geheim-api-key',
  TOKEN: 'geheim-token',
  TLS_KEY_PASSPHRASE: 'geheim-phrase',
  AWS_ACCESS_KEY_ID: 'geheim-id',
  AWS_SECRET_ACCESS_KEY: 'geheim-key',
  AWS_SESSION_TOKEN: 'geheim-session',
};
const fingerprint = 'A5'.repeat(32);

function written(lines: readonly string[]): string {
  const file = join(folder.path, 'metrify.config.yaml');
  const section = lines.map((line) => `      ${line}\n`).join('');
  writeFileSync(file, `environments:\n  default:\n    elasticsearch:\n${section}`);
  return file;
}

it('config check says where settings contradict each other, before their secrets are looked up', async () => {
  const file = written([
    'url: [https://a, https://b]',
    'apiKey: { env: NOT_SET }',
    'token: { file: not-there }',
    `tlsFingerprint: ${fingerprint}`,
    'tlsVerify: false',
    'tlsCert: mine.pem',
    'awsService: aoss',
  ]);
  const { code, stderr } = await metrifyInProcess(['config', 'check', '-c', file]);
  expect(code).toBe(2);
  for (const [line, problem] of [
    [6, 'apiKey and token are two ways to sign in'],
    [8, 'a fingerprint cannot be verified when verification is off'],
    [9, 'a certificate needs its private key'],
    [10, 'requests are signed for a region'],
  ] as const)
    expect(stderr).toMatch(new RegExp(`yaml:${line}:\\d+: ${problem}`));
});

it('a fingerprint that is none is told, and a secret is never plain in the file', async () => {
  const names = ['password', 'apiKey', 'token', 'tlsKeyPassphrase', 'awsSecretAccessKey', 'awsSessionToken'];
  const file = written([
    'url: https://a',
    'tlsFingerprint: ab:cd',
    ...names.map((name) => `${name}: geheim-${name}`),
  ]);
  const { code, stdout, stderr } = await metrifyInProcess(['config', 'check', '-c', file]);
  expect(code).toBe(2);
  expect(stderr).toMatch(/yaml:5:\d+: is not the SHA-256 fingerprint/);
  names.forEach((_, i) => expect(stderr).toMatch(new RegExp(`yaml:${6 + i}:`)));
  expect(stdout + stderr).not.toContain('geheim');
});

it('config show masks every secret, and init writes references to them', async () => {
  const env = Object.fromEntries(
    Object.entries(secrets).map(([name, value]) => [`METRIFY_ELASTICSEARCH_${name}`, value]),
  );
  env['METRIFY_ELASTICSEARCH_URL'] = 'https://someone:geheim-url@a';
  env['METRIFY_ELASTICSEARCH_TLS_FINGERPRINT'] = fingerprint;
  for (const more of [[], ['--json']]) {
    const { code, stdout, stderr } = await metrifyInProcess(['config', 'show', ...more], { env });
    expect(code, stderr).toBe(0);
    expect(stdout).toContain('elasticsearch.awsSecretAccessKey');
    expect(stdout + stderr).not.toContain('geheim');
  }
  const made = await metrifyInProcess(['init', '--to', 'made.yaml'], { env, cwd: folder.path });
  expect(made.code, made.stderr).toBe(0);
  const text = readFileSync(join(folder.path, 'made.yaml'), 'utf8');
  expect(text).not.toContain('geheim');
  const { environments } = parse(text) as { environments: { default: { elasticsearch: object } } };
  expect(environments.default.elasticsearch).toMatchObject({
    ...{ url: { env: 'METRIFY_ELASTICSEARCH_URL' }, tlsFingerprint: fingerprint },
    ...{ awsSecretAccessKey: { env: 'METRIFY_ELASTICSEARCH_AWS_SECRET_ACCESS_KEY' } },
  });
});

it('what the variables contradict is refused by whoever uses it', async () => {
  const { code, stdout } = await metrifyInProcess(['doctor'], {
    env: {
      METRIFY_ELASTICSEARCH_URL: 'http://127.0.0.1:1',
      METRIFY_ELASTICSEARCH_API_KEY: secrets.API_KEY,
      METRIFY_ELASTICSEARCH_TOKEN: secrets.TOKEN,
    },
  });
  expect(code).not.toBe(0);
  expect(stdout).toContain('elasticsearch.token: apiKey and token are two ways to sign in');
});

it('requests are signed with the variables of AWS, and it is said when they are missing', async () => {
  const signers: (string | undefined)[] = [];
  const server = createServer(({ headers }, response) => {
    signers.push(/Credential=(.*?),/.exec(headers.authorization ?? '')?.[1]);
    response.end('{"version":{"number":"3.1.0","distribution":"opensearch"}}');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const env = {
    METRIFY_ELASTICSEARCH_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    METRIFY_ELASTICSEARCH_AWS_REGION: 'eu-central-1',
  };
  const keys = { AWS_ACCESS_KEY_ID: 'AKID', AWS_SECRET_ACCESS_KEY: secrets.AWS_SECRET_ACCESS_KEY };
  const signed = await metrifyInProcess(['doctor', '--json'], { env: { ...env, ...keys } });
  expect(signed.code, signed.stdout).toBe(0);
  expect(signers.length).toBeGreaterThan(0);
  for (const signer of signers) expect(signer).toMatch(/^AKID\/\d{8}\/eu-central-1\/es\/aws4_request$/);
  const refused = await metrifyInProcess(['doctor'], { env });
  expect(refused.stdout).toContain('no credentials for AWS were given');
  expect(refused.stdout).toContain('AWS_ACCESS_KEY_ID');
});
