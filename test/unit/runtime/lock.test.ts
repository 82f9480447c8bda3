import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { acquireLock } from '../../../src/runtime/lock.js';
import { ownIdentity } from '../../../src/lib/core/process-identity.js';
import { replayable } from '../../random.js';

let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'metrify-lock-'));
  path = join(folder, 'metrify-job.lock');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const take = () => acquireLock('job', { directory: folder, command: 'cache warm' });
const content = () => JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;

/** A lock as this very process would hold it, except for what is given. */
async function leaveBehind(changes: Record<string, unknown> = {}, file = path): Promise<void> {
  const lock = {
    ...(await ownIdentity()),
    token: '0123456789abcdef0123456789abcdef',
    command: 'cache flush',
    startedAt: '2026-01-02T03:04:05.000Z',
    user: 'root',
    ...changes,
  };
  writeFileSync(file, JSON.stringify(lock));
}

describe('a host lock', () => {
  it('is held until it is released, and then leaves nothing', async () => {
    const lock = await take();
    expect(lock.path).toBe(path);
    expect(content()).toMatchObject({ pid: process.pid, command: 'cache warm' });
    await expect(take()).rejects.toMatchObject({ code: 'LOCK_HELD', exitCode: 4 });
    lock.release();
    expect(readdirSync(folder)).toEqual([]);
    (await take()).release();
  });

  it('sweeps away what dead contenders left, and what is old and names nobody', async () => {
    const draft = (letter: string) => `${path}.${letter.repeat(32)}.tmp`;
    await leaveBehind({ startTime: 'another' }, draft('a'));
    await leaveBehind({}, draft('b'));
    writeFileSync(draft('c'), '');
    writeFileSync(draft('d'), '');
    utimesSync(draft('d'), 0, 0);
    (await take()).release();
    expect(readdirSync(folder).sort()).toEqual([draft('b'), draft('c')].map((file) => basename(file)));
  });

  it('names the holder that is alive, however old the lock is', async () => {
    await leaveBehind();
    await expect(take()).rejects.toThrow(
      `lock 'job' is held by process ${process.pid} (cache flush) of root since 2026-01-02T03:04:05.000Z`,
    );
  });

  it.each([
    ['its process is gone', { pid: 2 ** 22 + 1 }],
    ['its process number belongs to another process by now', { startTime: '1' }],
    ['the host was started again', { bootId: '00000000-0000-0000-0000-000000000000' }],
  ])('is taken over when %s', async (_, changes) => {
    await leaveBehind(changes);
    const lock = await take();
    expect(content()).toMatchObject({ pid: process.pid, command: 'cache warm' });
    expect(readdirSync(folder)).toEqual(['metrify-job.lock']);
    lock.release();
  });

  it('is taken over from a process that ended but was not waited for', async () => {
    // The shell's child ends; exec replaces the shell by a program that never waits for it.
    const parent = spawn('sh', [
      '-c',
      'sh -c "echo \\$\\$; cut -d\\" \\" -f22 /proc/\\$\\$/stat" & exec sleep 30',
    ]);
    try {
      const [pid, startTime] = String((await once(parent.stdout, 'data'))[0])
        .trim()
        .split('\n');
      await expect.poll(() => readFileSync(`/proc/${pid}/stat`, 'utf8').split(' ')[2]).toBe('Z');
      await leaveBehind({
        pid: Number(pid),
        startTime: startTime ?? readFileSync(`/proc/${pid}/stat`, 'utf8').split(' ')[21],
      });
      (await take()).release();
    } finally {
      parent.kill();
    }
  });

  it('is left alone when its process is in another namespace, where nobody can look', async () => {
    await leaveBehind({ pid: 2 ** 22 + 1, pidNamespace: 'pid:[1]' });
    await expect(take()).rejects.toMatchObject({ code: 'LOCK_HELD' });
  });

  it('is taken over through a chain of contenders that died in the middle', async () => {
    const dead = { pid: 2 ** 22 + 1 };
    const tokens = ['a', 'b', 'c'].map((letter) => letter.repeat(32));
    await leaveBehind({ ...dead, token: tokens[0] });
    await leaveBehind({ ...dead, token: tokens[1] }, `${path}.${tokens[0]}.next`);
    await leaveBehind({ ...dead, token: tokens[2] }, `${path}.${tokens[1]}.next`);
    await leaveBehind({ ...dead, token: tokens[2] }, `${path}.${tokens[2]}.tmp`);
    const lock = await take();
    expect(readdirSync(folder)).toEqual(['metrify-job.lock']);
    lock.release();
  });

  it('waits for a contender that is alive, then names it', async () => {
    const token = 'a'.repeat(32);
    await leaveBehind({ pid: 2 ** 22 + 1, token });
    await leaveBehind({ token: 'b'.repeat(32), command: 'slow' }, `${path}.${token}.next`);
    await expect(take()).rejects.toThrow(/held by process \d+ \(slow\)/);
  });

  it('removes nothing but itself', async () => {
    const lock = await take();
    await leaveBehind();
    lock.release();
    expect(existsSync(path)).toBe(true);
    rmSync(path);
    lock.release();
  });

  it.each([
    ['empty', () => writeFileSync(path, '')],
    ['no JSON', () => writeFileSync(path, 'hello')],
    ['a link', () => symlinkSync('/etc/passwd', path)],
    ['a link to a lock', () => symlinkSync('other', path)],
    ['of another make', () => leaveBehind({ token: '../../x' })],
  ])('that is %s is refused, and left alone', async (_, make) => {
    await Promise.resolve(make());
    await expect(take()).rejects.toMatchObject({
      code: 'LOCK_CORRUPT',
      exitCode: 4,
      hint: expect.stringContaining(path) as string,
    });
    expect(readdirSync(folder)).toEqual(['metrify-job.lock']);
  });

  it('wants a name that is one', async () => {
    for (const name of ['', '../x', 'a b', 'x'.repeat(101)])
      await expect(acquireLock(name, { directory: folder })).rejects.toMatchObject({
        code: 'LOCK_NAME',
        exitCode: 2,
      });
  });
});

/**
 * Races: each contender takes the lock again and again. While it holds it, a file made exclusively proves that nobody
 * else does; contenders are killed at random, holding or not, and their proof with them (it bears their number).
 */
describe('many contenders', () => {
  const contenders = 20;
  let program: string;
  let programs: string;
  let children: ChildProcess[] = [];

  beforeAll(async () => {
    programs = mkdtempSync(join(tmpdir(), 'metrify-race-'));
    program = join(programs, 'contender.mjs');
    await build({
      entryPoints: [join(import.meta.dirname, 'lock-contender.ts')],
      outfile: program,
      bundle: true,
      platform: 'node',
      format: 'esm',
    });
  });
  afterEach(() => {
    for (const child of children) child.kill('SIGKILL');
    children = [];
  });
  afterAll(() => rmSync(programs, { recursive: true, force: true }));

  function start(seed = 0): ChildProcess {
    const child = fork(program, [folder, String(seed)], { stdio: 'inherit' });
    // Orders may arrive after it was killed.
    child.on('error', () => {});
    children.push(child);
    return child;
  }

  async function ready(child: ChildProcess): Promise<void> {
    await once(child, 'message');
  }

  it('of a stale lock: one wins, every time', async () => {
    const all = Array.from({ length: contenders }, () => start());
    await Promise.all(all.map(ready));
    for (let round = 0; round < 30; round++) {
      await leaveBehind({ pid: 2 ** 22 + 1, token: round.toString(16).padStart(32, '0') });
      const answers = all.map((child) => once(child, 'message').then(([answer]) => answer as string));
      for (const child of all) child.send('take');
      const counts: Record<string, number> = {};
      for (const answer of await Promise.all(answers)) counts[answer] = (counts[answer] ?? 0) + 1;
      expect(counts).toEqual({ held: 1, LOCK_HELD: contenders - 1 });
      const released = all.map((child) => once(child, 'message'));
      for (const child of all) child.send('release');
      await Promise.all(released);
      expect(readdirSync(folder)).toEqual([]);
    }
  });

  it('that are killed at any instant: never two at once, and never stuck', async () => {
    const violations: unknown[] = [];
    let taken = 0;
    const { random } = replayable('instants at which lock holders are killed');
    const launch = (): void => {
      const child = start(Math.floor(random() * 2 ** 31));
      child.on('message', (message: string) => {
        if (message === 'ready') child.send('loop', () => {});
        else if (message === 'taken') taken++;
        else if (message !== 'released') violations.push(message);
      });
    };
    for (let i = 0; i < 8; i++) launch();
    let killed = 0;
    while (killed < 60 || taken < 100) {
      await new Promise((resolve) => setTimeout(resolve, 20 + random() * 60));
      // On a busy machine they need their time to get anywhere.
      if (killed > 4 * taken) continue;
      const victim = children.splice(Math.floor(random() * children.length), 1)[0]!;
      const exited = once(victim, 'exit');
      victim.kill('SIGKILL');
      await exited;
      killed++;
      launch();
    }
    for (const child of children) child.kill('SIGKILL');
    await Promise.all(children.map(async (child) => child.signalCode ?? (await once(child, 'exit'))));
    expect(violations).toEqual([]);
    // Whatever the last ones left behind, the next one gets the lock.
    rmSync(join(folder, 'proof'), { force: true });
    (await take()).release();
  });
});
