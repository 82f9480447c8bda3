import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';

import { afterEach, beforeAll, beforeEach, expect, it } from 'vitest';

import { needs } from '../../servers/needs.js';
import { until } from '../../servers/ports.js';
import { type OwnRedis, ownRedis } from '../../servers/shared.js';
import { metrify, type Running, startMetrify } from '../run.js';

let name: string;
let count = 0;

beforeEach(() => {
  name = `metrify-test-${process.pid}-${count++}`;
});

/** Where the lock is: the refusal says it. */
const pathIn = (stderr: string): string => /\/\S+\.lock/.exec(stderr)![0];

needs('redis')('--lock', () => {
  let redis: OwnRedis;
  let env: Record<string, string>;
  let path: string | undefined;

  beforeAll(async () => {
    redis = await ownRedis();
    env = { METRIFY_REDIS_URL: redis.url };
  });
  afterEach(async () => {
    if (path) await rm(path, { force: true });
  });

  /** A warm that runs until it is stopped. */
  async function hold(): Promise<Running> {
    // Asking with another run whether it is held could take it away from the one that is to hold it.
    const argv = ['cache', 'warm', '--stdin', '--key', 'lock:{id}', '--lock', name, '-v'];
    const running = await startMetrify(argv, { env });
    running.child.stdin.write('{"id":1}\n');
    await until('the lock is held', () => running.stderr().includes('holds the lock'));
    path = pathIn(running.stderr());
    return running;
  }

  it('lets a second run end with 4 at once, naming the holder', async () => {
    const holder = await hold();
    // Waiting would take for ever: the holder's input stays open.
    const [text, json, other] = await Promise.all([
      metrify(['config', 'show', '--lock', name]),
      metrify(['config', 'show', '--lock', name, '--json']),
      metrify(['config', 'show', '--lock', `${name}-other`]),
    ]);
    expect(other.code).toBe(0);
    expect(text).toMatchObject({ code: 4, stdout: '' });
    expect(text.stderr).toContain(`lock '${name}' is held by process ${holder.pid} (cache warm)`);
    expect(json).toMatchObject({ code: 4, stdout: '' });
    expect(JSON.parse(json.stderr)).toMatchObject({ error: { code: 'LOCK_HELD' } });
    holder.child.stdin.end();
    expect((await holder.finished).code).toBe(0);
    expect(existsSync(path!)).toBe(false);
    expect((await metrify(['config', 'show', '--lock', name])).code).toBe(0);
  });

  it('of a holder that was killed blocks nobody', async () => {
    const holder = await hold();
    holder.signal('SIGKILL');
    await holder.finished;
    expect(existsSync(path!)).toBe(true);
    expect((await metrify(['config', 'show', '--lock', name])).code).toBe(0);
    expect(existsSync(path!)).toBe(false);
  });

  it.skipIf(process.platform !== 'linux')(
    'is taken over when the pid of its holder belongs to another process',
    async () => {
      const holder = await hold();
      const written = JSON.parse(readFileSync(path!, 'utf8')) as Record<string, unknown>;
      holder.signal('SIGKILL');
      await holder.finished;
      // This very process got the number: it runs, and began at another time.
      writeFileSync(path!, JSON.stringify({ ...written, pid: process.pid }));
      expect((await metrify(['config', 'show', '--lock', name])).code).toBe(0);
      // After a reboot not even pid and start time say anything.
      const stat = readFileSync('/proc/self/stat', 'utf8');
      const startTime = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]!;
      const ours = { ...written, pid: process.pid, startTime };
      writeFileSync(path!, JSON.stringify({ ...ours, bootId: '00000000-0000-0000-0000-000000000000' }));
      expect((await metrify(['config', 'show', '--lock', name])).code).toBe(0);
      // And if it is that process, it holds the lock.
      writeFileSync(path!, JSON.stringify(ours));
      expect((await metrify(['config', 'show', '--lock', name])).code).toBe(4);
    },
  );

  it('is released after a failure and after a signal', async () => {
    const failed = await metrify(['cache', 'get', 'none', '--lock', name], { env });
    expect(failed.code).toBe(3);
    const holder = await hold();
    holder.signal('SIGTERM');
    expect((await holder.finished).code).toBe(143);
    expect(existsSync(path!)).toBe(false);
  });

  it('of many at once, one gets it', async () => {
    const argv = ['cache', 'warm', '--stdin', '--key', 'lock:{id}', '--lock', name];
    const runs = await Promise.all(Array.from({ length: 4 }, () => startMetrify(argv, { env })));
    let refused = 0;
    for (const run of runs) void run.finished.then(({ code }) => (refused += Number(code === 4)));
    // Whoever has it waits for its input.
    await until('three are refused', () => refused === 3);
    for (const run of runs) run.child.stdin.end('{"id":1}\n');
    const ends = await Promise.all(runs.map(({ finished }) => finished));
    expect(ends.map(({ code }) => code).sort()).toEqual([0, 4, 4, 4]);
  });
});

it.each(['../evil', 'a/b', ''])('a name that is no file name is exit 2: %j', async (bad) => {
  expect(await metrify(['config', 'show', `--lock=${bad}`])).toMatchObject({ code: 2, stdout: '' });
});
