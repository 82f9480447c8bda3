import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeAll, beforeEach, expect, it } from 'vitest';

import { redisCli } from '../../servers/redis.js';
import { needs } from '../../servers/needs.js';
import { type OwnRedis, ownRedis } from '../../servers/shared.js';
import { type Envelope, metrify, shell } from '../run.js';

// eslint-disable-next-line no-control-regex
const escapeCode = /\x1b/;

it('global flags stand before, between and after the words', async () => {
  const expected = { command: 'config.show', verdict: 'ok', exitCode: 0 };
  for (const argv of [
    ['--json', 'config', 'show'],
    ['config', '--json', 'show'],
    ['config', 'show', '--json'],
    ['-o', 'json', 'config', 'show'],
    ['config', 'show', '-ojson'],
    ['config', 'show', '--output=json'],
  ]) {
    const { code, json } = await metrify(argv);
    expect(code, argv.join(' ')).toBe(0);
    expect(json()).toMatchObject(expected);
  }
});

it('json is one line, with the fields in their order', async () => {
  const before = Date.now();
  const { code, stdout, stderr, json } = await metrify(['config', 'show', '--json'], {
    env: { METRIFY_REDSI_URL: 'redis://127.0.0.1' },
  });
  const after = Date.now();
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toMatch(/^[^\n]+\n$/);
  const envelope = json();
  expect(Object.keys(envelope)).toEqual([
    'command',
    'verdict',
    'exitCode',
    'startedAt',
    'durationMs',
    'result',
    'warnings',
  ]);
  expect(envelope.command).toBe('config.show');
  expect(new Date(envelope.startedAt).toISOString()).toBe(envelope.startedAt);
  expect(Date.parse(envelope.startedAt)).toBeGreaterThanOrEqual(before);
  expect(Date.parse(envelope.startedAt) + envelope.durationMs).toBeLessThanOrEqual(after + 1);
  expect(Number.isInteger(envelope.durationMs)).toBe(true);
  expect(envelope.warnings).toEqual([expect.stringContaining('METRIFY_REDSI_URL')]);
});

it('ndjson has the items on stdout, and the envelope without them last on stderr', async () => {
  const [whole, lines] = await Promise.all([
    metrify(['config', 'show', '-o', 'json']),
    metrify(['config', 'show', '-o', 'ndjson']),
  ]);
  const items = lines.stdout.trimEnd().split('\n');
  expect(items.map((line) => JSON.parse(line) as unknown)).toEqual(whole.json().result.settings);
  const envelope = JSON.parse(lines.stderr.trimEnd().split('\n').at(-1)!) as Envelope;
  expect(envelope).toMatchObject({ command: 'config.show', verdict: 'ok', exitCode: 0 });
  expect(envelope.result).toEqual({ file: null, environment: 'default' });
});

it('warnings are on stderr, also with --quiet, which has no text on stdout when all is well', async () => {
  const env = { METRIFY_REDSI_URL: 'redis://127.0.0.1' };
  const [loud, quiet] = await Promise.all([
    metrify(['config', 'show'], { env }),
    metrify(['config', 'show', '-q'], { env }),
  ]);
  expect(loud.stderr).toMatch(/^warning: .*METRIFY_REDSI_URL.*\n$/);
  expect(quiet).toMatchObject({ code: 0, stderr: loud.stderr, stdout: '' });
});

it('--verbose says which configuration is in force, and which lock is held', async () => {
  const { code, stdout, stderr } = await metrify([
    'doctor',
    '-v',
    '--lock',
    `metrify-verbose-${process.pid}`,
  ]);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toMatch(
    /^holds the lock \/.*\.lock\nno configuration file, environment default;.*\nerror: /,
  );
});

it('an error carries the warnings that no envelope can', async () => {
  const { code, stdout, stderr } = await metrify(['doctor', '--json', '--metrics-file', '/nowhere/run.prom']);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(JSON.parse(stderr)).toMatchObject({
    error: { code: 'NOT_CONFIGURED', hint: expect.stringContaining('METRIFY_REDIS_URL') },
    warnings: [expect.stringContaining('/nowhere/run.prom')],
  });
});

it('a full disk behind stdout is an error without a stack', async () => {
  const { code, stderr } = await shell('metrify config show > /dev/full');
  expect(code).toBe(5);
  expect(stderr).toMatch(/^error: the result could not be written: ENOSPC.*\n$/);
});

it('nothing is coloured in a pipe, with NO_COLOR or --no-color', async () => {
  const argv = ['config', 'show'];
  const runs = await Promise.all([
    metrify(argv),
    metrify(argv, { env: { NO_COLOR: '1', FORCE_COLOR: '1' } }),
    metrify([...argv, '--no-color'], { env: { FORCE_COLOR: '1' } }),
    metrify(['no', '--such'], { env: { FORCE_COLOR: '1' } }),
  ]);
  for (const { stdout, stderr } of runs) expect(stdout + stderr).not.toMatch(escapeCode);
  expect((await metrify(argv, { env: { FORCE_COLOR: '1' } })).stdout).toMatch(escapeCode);
});

it('a reader whose stdout is closed ends with 0 and in silence', async () => {
  const { stdout, stderr } = await shell(
    `metrify completion bash | head -1; echo "\${PIPESTATUS[0]}"
     metrify config show -o ndjson | head -1; echo "\${PIPESTATUS[0]}"`,
  );
  expect(stdout).toMatch(/^# The words .*\n0\n\{"path":"connectTimeout".*\}\n0\n$/);
  expect(stderr).not.toMatch(/EPIPE|at .*\.js/);
});

needs('redis')('output of commands on Redis', () => {
  let redis: OwnRedis;
  let folder: string;
  let env: Record<string, string>;
  const cli = (...args: string[]) => redisCli(redis.port, ['-n', String(redis.database), ...args]);

  beforeAll(async () => {
    redis = await ownRedis();
    env = { METRIFY_REDIS_URL: redis.url };
  });
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'metrify-output-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('stdout is the value and nothing else', async () => {
    await cli('SET', 'meter:1:latest', 'value é');
    const { code, stdout, stderr } = await metrify(['cache', 'get', 'meter:1:latest'], { env });
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: 'value é', stderr: '' });
    const missing = await metrify(['cache', 'get', 'meter:none'], { env });
    expect(missing).toMatchObject({ code: 3, stdout: '' });
    expect(missing.stderr).toContain("has no key 'meter:none'");
    expect((await metrify(['cache', 'get', 'meter:none', '-q'], { env })).stderr).toBe(missing.stderr);
    // Data are not text.
    expect((await metrify(['cache', 'get', 'meter:1:latest', '-q'], { env })).stdout).toBe('value é');
  });

  it('a check that failed has its envelope on stdout', async () => {
    const { code, json, stderr } = await metrify(['cache', 'get', 'meter:none', '--json'], { env });
    expect({ code, stderr }).toEqual({ code: 3, stderr: '' });
    expect(json()).toMatchObject({ command: 'cache.get', verdict: 'failed', exitCode: 3 });
  });

  it('a key or value that begins with a dash follows --', async () => {
    expect(await metrify(['cache', 'set', '--', '-k', '--json'], { env })).toMatchObject({ code: 0 });
    expect(await cli('GET', '-k')).toBe('--json');
  });

  it('--dry-run prints a plan and changes nothing', async () => {
    const argv = ['cache', 'set', 'planned', 'x', '--dry-run'];
    const text = await metrify(argv, { env });
    expect(text).toMatchObject({ code: 0, stderr: '' });
    expect(text.stdout).toMatch(/^Would write planned/);
    const json = (await metrify([...argv, '--json'], { env })).json();
    expect(json).toMatchObject({ command: 'cache.set', verdict: 'planned', exitCode: 0 });
    expect(json.result).toMatchObject({ key: 'planned', target: expect.stringContaining('127.0.0.1') });
    expect(await cli('EXISTS', 'planned')).toBe('0');
  });

  it('a changing command finishes its work when nobody reads it', async () => {
    const rows = Array.from({ length: 3000 }, (_, i) => `{"id":${i}}\n`).join('');
    const { stdout, stderr } = await shell(
      `metrify cache warm --stdin --key 'closed:{id}' --rate 2000 --json | true; echo "\${PIPESTATUS[0]}"
       metrify cache set gone x >&-; echo $?`,
      { env, stdin: rows },
    );
    expect(stdout).toBe('0\n0\n');
    expect(await cli('GET', 'gone')).toBe('x');
    expect(stderr).not.toMatch(/EPIPE|EBADF|at .*\.js/);
    expect((await cli('KEYS', 'closed:*')).split('\n')).toHaveLength(3000);
  });

  it('progress lines go to stderr, without a terminal in whole lines, and not at all with --quiet', async () => {
    const rows = Array.from({ length: 130 }, (_, i) => `{"id":${i}}\n`).join('');
    const argv = ['cache', 'warm', '--stdin', '--key', 'progress:{id}', '--rate', '20'];
    const [loud, quiet] = await Promise.all([
      metrify(argv, { env, stdin: rows }),
      metrify([...argv, '--quiet'], { env, stdin: rows }),
    ]);
    expect(loud.code).toBe(0);
    expect(loud.stderr).toMatch(/^warming .* rows .*\/s.*\n/);
    expect(loud.stderr).not.toMatch(/\r|\x1b/); // eslint-disable-line no-control-regex
    expect(loud.stdout).not.toContain('warming');
    expect(quiet).toMatchObject({ code: 0, stdout: '', stderr: '' });
  });

  it('with --quiet a result that is not well is on stderr, and JSON stays on stdout', async () => {
    const argv = ['cache', 'warm', '--stdin', '--key', 'quiet:{id}'];
    const rows = '{"id":1}\n{broken\n';
    const [text, json] = await Promise.all([
      metrify([...argv, '-q'], { env, stdin: rows }),
      metrify([...argv, '-q', '--json'], { env, stdin: rows }),
    ]);
    expect(text).toMatchObject({ code: 6, stdout: '' });
    expect(text.stderr).toMatch(/^level +written/);
    expect(text.stderr).toMatch(/^fail {2}1 row: /m);
    expect(json.json()).toMatchObject({ verdict: 'partial', result: { written: 1, failed: 1 } });
    expect((await metrify(['cache', 'set', 'planned', 'x', '--dry-run', '-q'], { env })).stdout).toBe('');
  });

  it('a long value is the same with a file behind stdout', async () => {
    await cli('SET', 'file', 'x'.repeat(120_000));
    const path = join(folder, 'out');
    const { code } = await shell(`metrify cache get file > ${path}`, { env });
    expect(code).toBe(0);
    expect(await readFile(path, 'utf8')).toBe('x'.repeat(120_000));
  });
});
