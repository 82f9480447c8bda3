import { createServer, type AddressInfo, type Server } from 'node:net';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { needs } from '../../servers/needs.js';
import { redisCli } from '../../servers/redis.js';
import { ownRedis } from '../../servers/shared.js';
import { metrify } from '../run.js';

let folder: string;
beforeAll(() => (folder = mkdtempSync(join(tmpdir(), 'metrify-secrets-'))));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const passwords = ['12/s3cr3t99', 's3cr3t99 x', 'a@b s3cr3t99', '6379/0?s3cr3t99', 's3cr3t99%2f'];

describe.each(passwords)('the password %s', (password) => {
  const urls = {
    redis: `redis://u:${password}@127.0.0.1:1`,
    postgres: `postgres://u:${password}@127.0.0.1:1/db`,
    prometheus: `http://u:${password}@127.0.0.1:1`,
  };

  it.each(Object.entries(urls))('of %s in a variable is never printed', async (system, url) => {
    const env = { [`METRIFY_${system.toUpperCase()}_URL`]: url };
    for (const argv of [['config', 'show'], ['config', 'show', '--json'], ['doctor'], ['doctor', '--json']]) {
      const { stdout, stderr } = await metrify(argv, { env });
      expect(stdout + stderr).not.toContain('s3cr3t');
      if (argv[0] === 'config') expect(stdout).toContain('***');
    }
  });

  it.each(Object.entries(urls))('of %s is refused in a file and on the command line', async (system, url) => {
    const config = join(folder, 'plain.yaml');
    writeFileSync(config, `environments: { default: { ${system}: { url: ${JSON.stringify(url)} } } }`);
    for (const argv of [
      ['-c', config, 'config', 'check'],
      ['cache', 'get', 'k', '--redis-url', url],
    ]) {
      const { code, stdout, stderr } = await metrify(argv);
      expect(code, stderr).toBe(2);
      expect(stdout + stderr).not.toContain('s3cr3t');
      expect(stderr).toContain('password');
    }
  });
});

it.each([
  ['postgres', 'postgres://h/db?pass%77ord=s3cr3t99'],
  ['postgres', 'postgres://h/db?sslpassword=s3cr3t99'],
  ['postgres', 'postgres://h/db?options=-c x.password%3Ds3cr3t99'],
  ['postgres', 'host=h user=u password=s3cr3t99'],
  ['prometheus', 'http://h/?access_token=s3cr3t99'],
])('a secret parameter is refused and masked as a password is: %s %s', async (system, url) => {
  const config = join(folder, 'plain.yaml');
  writeFileSync(config, `environments: { default: { ${system}: { url: ${JSON.stringify(url)} } } }`);
  const shown = await metrify(['config', 'show'], { env: { [`METRIFY_${system.toUpperCase()}_URL`]: url } });
  const refused = [
    await metrify(['-c', config, 'config', 'check']),
    await metrify(['cache', 'get', 'k', '--postgres-url', url]),
  ];
  for (const { code, stderr } of refused) {
    expect(code).toBe(2);
    expect(stderr).toContain('password');
  }
  for (const { stdout, stderr } of [shown, ...refused]) expect(stdout + stderr).not.toContain('s3cr3t');
});

describe('what a server says', () => {
  let server: Server;
  let env: Record<string, string>;
  beforeAll(async () => {
    // Its own password in a form that nothing would tell from a word.
    const said = 'ERR x redis://u:s3cr3t99@h and geheimeswort';
    server = createServer((socket) =>
      socket.on('error', () => {}).on('data', () => socket.write(`-${said}\r\n`)),
    );
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    env = { METRIFY_REDIS_URL: `redis://127.0.0.1:${port}`, METRIFY_REDIS_PASSWORD: 'geheimeswort' };
  });
  afterAll(() => void server.close());

  it('goes out without secrets, whichever way', async () => {
    const junit = join(folder, 'doctor.xml');
    const metrics = join(folder, 'run.prom');
    const outputs: string[] = [];
    for (const argv of [
      ['doctor', '--junit', junit, '--metrics-file', metrics, '--job', 'geheimeswort'],
      ['doctor', '--json'],
      ['doctor', '-o', 'ndjson'],
      ['cache', 'get', 'k'],
      ['cache', 'get', 'k', '--json'],
      ['cache', 'inspect', '--verbose'],
    ]) {
      const { code, stdout, stderr } = await metrify(argv, { env });
      expect([3, 5]).toContain(code);
      outputs.push(stdout + stderr);
    }
    outputs.push(readFileSync(junit, 'utf8'), readFileSync(metrics, 'utf8'));
    for (const output of outputs) expect(output).not.toMatch(/s3cr3t99|geheimeswort/);
    expect(outputs.filter((output) => output.includes('redis://u:***@h'))).toHaveLength(outputs.length - 1);
  });
});

needs('redis')('data', () => {
  it('is never altered, whatever stands in it', async () => {
    const redis = await ownRedis();
    const value = 'redis://u:s3cr3t99@h?token=abc s3cr3t99';
    for (const key of ['k', 'l'])
      await redisCli(redis.port, ['-n', String(redis.database), 'SET', key, value]);
    const env = { METRIFY_REDIS_URL: redis.url, METRIFY_REDIS_USERNAME: 'default' };
    expect((await metrify(['cache', 'get', 'k'], { env })).stdout).toBe(value);
    expect((await metrify(['cache', 'get', 'k', '--json'], { env })).json().result.value).toBe(value);
    const lines = (await metrify(['cache', 'get', 'k', 'l', '-o', 'ndjson'], { env })).stdout
      .trim()
      .split('\n');
    expect(lines.map((line) => (JSON.parse(line) as { value: string }).value)).toEqual([value, value]);
  });
});

it('what metrify itself prints is not mistaken for a secret', async () => {
  for (const shell of ['bash', 'zsh', 'fish']) {
    const { stdout } = await metrify(['completion', shell]);
    expect(stdout).not.toContain('***');
  }
});
