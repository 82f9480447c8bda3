import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeAll, beforeEach, expect, it } from 'vitest';

import { needs } from '../../servers/needs.js';
import { until } from '../../servers/ports.js';
import { redisCli } from '../../servers/redis.js';
import { type OwnRedis, ownRedis } from '../../servers/shared.js';
import { metrify, shell, startMetrify } from '../run.js';

const lost = /^error: the result could not be written: ENOSPC.*\n$/;

it.each(['--help', 'cache warm --help', '--version', 'completion bash', 'config show', 'config check'])(
  'metrify %s > /dev/full is exit 5',
  async (words) => {
    const { code, stderr } = await shell(`metrify ${words} > /dev/full`);
    expect(code).toBe(5);
    expect(stderr).toMatch(lost);
  },
);

it('with JSON the error is one line of JSON, and so it is with the items of ndjson', async () => {
  for (const format of ['json', 'ndjson']) {
    const { code, stderr } = await shell(`metrify config show -o ${format} > /dev/full`);
    expect(code).toBe(5);
    expect(JSON.parse(stderr.trimEnd().split('\n').at(-1)!)).toMatchObject({
      error: { code: 'NOT_WRITTEN' },
    });
  }
});

it('a stderr that takes nothing changes no exit code', async () => {
  const { stdout } = await shell(
    `metrify config show --verbose 2> /dev/full > /dev/null; echo $?
     metrify no-such-command 2> /dev/full; echo $?
     metrify config show -o ndjson 2> /dev/full > /dev/null; echo $?
     metrify config show > /dev/full 2> /dev/full; echo $?`,
  );
  expect(stdout).toBe('0\n2\n0\n5\n');
});

it('the run metrics of a lost result say so', async () => {
  const { code, stdout } = await shell(
    `metrify config show --metrics-file run.prom > /dev/full; echo $?; cat run.prom`,
  );
  expect(code).toBe(0);
  expect(stdout).toMatch(/^5\n/);
  expect(stdout).toContain('metrify_run_success{command="config.show",job=""} 0\n');
});

needs('redis')('commands on Redis behind a full stdout', () => {
  let redis: OwnRedis;
  let env: Record<string, string>;
  beforeAll(async () => {
    redis = await ownRedis();
    env = { METRIFY_REDIS_URL: redis.url };
    await redisCli(redis.port, ['-n', String(redis.database), 'MSET', 'k:1', 'hello', 'k:2', 'gone']);
  });

  it.each(['get k:1', 'set k:1 hello', 'delete k:2', 'inspect', 'flush --pattern k:3 --dry-run'])(
    'cache %s is exit 5',
    async (words) => {
      const { code, stderr } = await shell(`metrify cache ${words} > /dev/full`, { env });
      expect(code).toBe(5);
      expect(stderr).toMatch(lost);
    },
  );

  it('inspect --json is exit 5', async () => {
    const { code, stderr } = await shell('metrify cache inspect --json > /dev/full', { env });
    expect(code).toBe(5);
    expect(JSON.parse(stderr)).toMatchObject({ error: { code: 'NOT_WRITTEN' } });
  });

  it('a closed pipe keeps the exit code of the verdict', async () => {
    const { stdout } = await shell(
      `metrify cache get none | true; echo "\${PIPESTATUS[0]}"
       METRIFY_REDIS_URL=redis://127.0.0.1:1 metrify doctor --json | true; echo "\${PIPESTATUS[0]}"
       metrify cache get k:1 | true; echo "\${PIPESTATUS[0]}"`,
      { env },
    );
    expect(stdout).toBe('3\n3\n0\n');
  });
});

needs('root', 'redis')('on a disk of 8 KiB', () => {
  let redis: OwnRedis;
  let env: Record<string, string>;
  let folder: string;
  let disk: string;
  const cli = (...args: string[]) => redisCli(redis.port, ['-n', String(redis.database), ...args]);
  const fill = () =>
    expect(() => writeFileSync(join(disk, 'filler'), Buffer.alloc(1 << 20))).toThrow(/ENOSPC/);

  beforeAll(async () => {
    redis = await ownRedis();
    env = { METRIFY_REDIS_URL: redis.url };
  });
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'metrify-full-disk-'));
    disk = join(folder, 'disk');
    mkdirSync(disk);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8k', 'tmpfs', disk]);
  });
  afterEach(async () => {
    execFileSync('umount', ['-l', disk]);
    rmSync(folder, { recursive: true, force: true });
    await cli('FLUSHDB');
  });

  /** Rows of which every one is rejected. */
  function badRows(count: number): string {
    const path = join(folder, 'bad.csv');
    writeFileSync(path, `id,v\n${Array.from({ length: count }, (_, i) => `${i},x,y${i}\n`).join('')}`);
    return path;
  }

  it('a value that is cut short on stdout is exit 5', async () => {
    await metrify(['cache', 'set', 'big', '-'], { env, stdin: 'x'.repeat(300_000) });
    const { code, stderr } = await shell(`metrify cache get big > ${disk}/value`, { env });
    expect(code).toBe(5);
    expect(stderr).toMatch(lost);
    expect(statSync(join(disk, 'value')).size).toBe(8192);
  });

  it.each([
    ['of one write', 1000],
    ['of many writes', 100_000],
  ])('dead letters %s that do not fit are counted, and end at a whole line', async (_, count) => {
    const dead = join(disk, 'dead.jsonl');
    const argv = ['cache', 'warm', '--file', badRows(count), '--key', 'k:{id}', '--dead-letter', dead];
    const { code, stderr, json } = await metrify([...argv, '--json'], { env });
    expect(code).toBe(5);
    const content = readFileSync(dead, 'utf8');
    expect(content).toMatch(/\n$/);
    const lines = content
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { row: string });
    expect(lines.length).toBeGreaterThan(50);
    lines.forEach(({ row }, i) => expect(row).toBe(`${i},x,y${i}`));
    const envelope = json();
    expect(envelope).toMatchObject({ verdict: 'error', exitCode: 5 });
    const { failed, deadLettersMissing } = envelope.result as Record<string, number>;
    expect(deadLettersMissing).toBe(failed! - lines.length);
    const { error } = JSON.parse(stderr) as { error: { code: string; message: string } };
    expect(error.code).toBe('DEAD_LETTER');
    expect(error.message).toMatch(/are incomplete: ENOSPC/);
    expect(error.message).toContain(
      `of this run's ${failed!.toLocaleString('en-US')} it has the first ${lines.length}`,
    );
    const text = await metrify(argv, { env });
    expect(text.code).toBe(5);
    expect(text.stdout).toContain('of them are missing in');
    expect(text.stderr).not.toMatch(/bug|\n\s+at /);
  });

  it('a run whose dead letters did not fit is resumed without a gap', async () => {
    const dead = join(disk, 'dead.jsonl');
    const argv = ['cache', 'warm', '--file', badRows(4096), '--key', 'k:{id}', '--dead-letter', dead];
    const resumable = [...argv, '--resume', join(folder, 'run.json'), '--json'];
    expect((await metrify(resumable, { env })).code).toBe(5);
    execFileSync('mount', ['-o', 'remount,size=4m', disk]);
    const { code, json } = await metrify(resumable, { env });
    expect(code).toBe(6);
    expect(json().result).toMatchObject({ read: 4096, failed: 4096 });
    expect(readFileSync(dead, 'utf8').trimEnd().split('\n')).toHaveLength(4096);
  });

  it('a checkpoint that cannot be written is exit 2 before the first row', async () => {
    fill();
    const file = join(folder, 'rows.csv');
    writeFileSync(file, 'id\n1\n');
    for (const path of [join(disk, 'run.json'), '/nonexistent/run.json', disk]) {
      const argv = ['cache', 'warm', '--file', file, '--key', 'k:{id}', '--resume', path];
      const { code, stdout, stderr } = await metrify(argv, { env });
      expect({ code, stdout }, stderr).toEqual({ code: 2, stdout: '' });
      expect(stderr).toMatch(/^error: the checkpoint .* cannot be (written|read)/);
      expect(await cli('DBSIZE')).toBe('0');
    }
    expect(readdirSync(disk)).toEqual(['filler']);
  });

  it('a checkpoint that cannot be written later is exit 5, and the one before stays', async () => {
    const file = join(folder, 'rows.csv');
    writeFileSync(file, `id\n${Array.from({ length: 100_000 }, (_, i) => `${i}\n`).join('')}`);
    const checkpoint = join(disk, 'run.json');
    const argv = ['cache', 'warm', '--file', file, '--key', 'k:{id}', '--resume', checkpoint];
    const running = await startMetrify([...argv, '--rate', '2000', '--json'], { env });
    running.child.stdin.end();
    await until('a checkpoint is there', () => readdirSync(disk).includes('run.json'));
    // Not while a temporary file has the other half of the disk: its rename makes room again.
    await until('the disk is full', () => {
      fill();
      return statSync(join(disk, 'filler')).size > 0;
    });
    const { code, stderr, json } = await running.finished;
    expect(code, stderr).toBe(5);
    expect(json().result.written).toBe(Number(await cli('DBSIZE')));
    const { error } = JSON.parse(stderr) as { error: { message: string; hint: string } };
    expect(error.message).toMatch(/the checkpoint .* was not written, and is as it was: ENOSPC/);
    expect(error.hint).toMatch(/^Make room there first\. .*continues from/);
    expect(JSON.parse(readFileSync(checkpoint, 'utf8'))).toMatchObject({ version: 1 });
    execFileSync('mount', ['-o', 'remount,size=4m', disk]);
    const resumed = await metrify([...argv, '--json'], { env });
    expect(resumed.code, resumed.stderr).toBe(0);
    expect(await cli('DBSIZE')).toBe('100000');
  });

  it('a JUnit file that is not written is told with --quiet, and is exit 5', async () => {
    const path = join(disk, 'run.xml');
    writeFileSync(path, '<old/>');
    fill();
    const { code, stderr } = await metrify(['doctor', '--quiet', '--junit', path], { env });
    expect(code).toBe(5);
    expect(stderr).toMatch(/^error: the JUnit file was not written, and is as it was: .*ENOSPC/);
    expect(readFileSync(path, 'utf8')).toBe('<old/>');
    expect(readdirSync(disk).sort()).toEqual(['filler', 'run.xml']);
    // A failed check is 3, and 5 comes before it; what never began stays 2.
    const bad = ['cache', 'warm', '--key', 'k', '--junit', path];
    expect((await metrify(bad, { env })).code).toBe(2);
  });

  it('the demo says that its disk is full, and leaves nothing', async () => {
    fill();
    const { code, stderr } = await metrify(['demo', '--quick'], { env: { TMPDIR: disk } });
    expect(code).toBe(5);
    expect(stderr).not.toMatch(/bug/);
    expect(stderr).toMatch(/^error: .* is incomplete: ENOSPC/m);
    expect(readdirSync(disk)).toEqual(['filler']);
  });
});
