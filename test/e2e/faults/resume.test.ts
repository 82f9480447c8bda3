import { readFileSync, writeFileSync } from 'node:fs';
import { readFile, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { replayable } from '../../random.js';
import { needs } from '../../servers/needs.js';
import { until } from '../../servers/ports.js';
import { temporaryDirectory, type TemporaryDirectory } from '../../servers/process.js';
import { ownDatabase, ownRedis, type OwnDatabase, type OwnRedis } from '../../servers/shared.js';
import { Probe, type Held } from '../cache/redis-probe.js';
import { metrify, startMetrify, type Envelope, type Finished } from '../run.js';

const { seed, random } = replayable('instants at which a warm is killed');

const rows = 24_000;
/** Slow enough for what is waited for in the middle of a run. */
const ratePerSecond = 6_000;
/** Every 500th line is malformed, every 700th row has no key. */
const isMalformed = (id: number) => id % 500 === 0;
const hasNoKey = (id: number) => id % 700 === 0 && !isMalformed(id);
const wanted = (id: number) => !isMalformed(id) && !hasNoKey(id);

let folder: TemporaryDirectory;
let file: string;

beforeAll(async () => {
  folder = await temporaryDirectory('resume');
  file = join(folder.path, 'meters.csv');
  const lines = Array.from({ length: rows }, (_, i) => {
    const id = i + 1;
    if (isMalformed(id)) return `${id},1,2,3`;
    return `${hasNoKey(id) ? '' : id},${(id * 7) % 1000}.50`;
  });
  await writeFile(file, `meter_id,kwh\n${lines.join('\n')}\n`);
});

afterAll(() => folder.remove());

const dump = ({ port, database }: OwnRedis): Promise<Map<string, Held>> =>
  Probe.with(port, database, (probe) => probe.dump());
const values = (held: Map<string, Held>) =>
  Object.fromEntries([...held].map(([key, { value }]) => [key, value]));

/** Runs, is killed at the instants given one after the other, and at last gets to its end. */
async function killedAgainAndAgain(
  args: string[],
  instants: readonly Instant[],
  redis: OwnRedis,
  env: Record<string, string> = {},
): Promise<Finished> {
  await Probe.with(redis.port, redis.database, async (probe) => {
    const size = async () => (await probe.ask('DBSIZE')) as number;
    const before = await size();
    for (const instant of instants) {
      const running = await startMetrify(args, { env });
      let over = false;
      const finished = running.finished.finally(() => (over = true));
      const written = (rows - before) * instant.share;
      await until('so much is written', async () => over || (await size()) - before >= written, {
        everyMs: 5,
      });
      await Promise.race([delay(instant.thenMs), finished]);
      running.signal('SIGKILL');
      await finished;
    }
  });
  return metrify(args, { env });
}

/** When a process is killed. */
interface Instant {
  /** Of the rows, at least so many are written, 0 to 1. */
  readonly share: number;
  readonly thenMs: number;
}
interface Round {
  readonly nx: boolean;
  readonly instants: readonly Instant[];
  readonly kills: number;
}
const rounds = (): Round[] =>
  [
    { nx: false, kills: 1 },
    { nx: true, kills: 1 },
    { nx: false, kills: 2 },
    { nx: true, kills: 3 },
  ].map(({ nx, kills }) => {
    // One in five while it starts.
    const shares = Array.from({ length: kills }, () => Math.max(0, random() - 0.2));
    const instants = shares
      .sort((a, b) => a - b)
      .map((share) => ({ share, thenMs: random() * (share > 0 ? 200 : 800) }));
    return { nx, kills, instants };
  });

needs('redis')(`resuming a warm of a file that was killed (METRIFY_TEST_SEED=${seed})`, () => {
  test.concurrent.each(rounds())(
    '$kills × SIGKILL, nx $nx: as an undisturbed run',
    async ({ nx, instants }) => {
      const started = performance.now();
      const redis = await ownRedis();
      const deadLetter = join(folder.path, `dead-${redis.database}.jsonl`);
      // Under --nx some keys are there before: they keep their value, and count as skipped once.
      const before = nx
        ? Array.from({ length: rows }, (_, i) => i + 1).filter((id) => id % 3 === 0 && wanted(id))
        : [];
      await Probe.with(redis.port, redis.database, (probe) =>
        probe.askAll(before.map((id) => ['SET', `meter:${id}`, 'old'])),
      );
      const finished = await killedAgainAndAgain(
        ['cache', 'warm', '--file', file, '--key', 'meter:{meter_id}', '--ttl', '1h', '--ttl-jitter', '10%']
          .concat(['--rate', String(ratePerSecond), '--resume', join(folder.path, `${redis.database}.ckpt`)])
          .concat(['--dead-letter', deadLetter, '--redis-url', redis.url, '--json'], nx ? ['--nx'] : []),
        instants,
        redis,
      );

      expect(finished.code, finished.stderr).toBe(6);
      const { result } = finished.json();
      const good = Array.from({ length: rows }, (_, i) => i + 1).filter(wanted);
      expect(result).toMatchObject({ read: rows, failed: rows - good.length });
      expect(result.written + result.skipped).toBe(good.length);
      if (!nx) expect(result.skipped).toBe(0);
      else expect(result.skipped).toBeGreaterThanOrEqual(before.length);

      const held = await dump(redis);
      const tookMs = performance.now() - started;
      const kept = new Set(before);
      expect(values(held)).toEqual(
        Object.fromEntries(
          good.map((id) => [
            `meter:${id}`,
            kept.has(id) ? 'old' : `{"meter_id":"${id}","kwh":"${(id * 7) % 1000}.50"}`,
          ]),
        ),
      );
      for (const [key, { value, ttlMs }] of held) {
        if (value === 'old') expect(ttlMs, key).toBe(-1);
        else {
          expect(ttlMs, key).toBeGreaterThan(3_240_000 - tookMs - 1000);
          expect(ttlMs, key).toBeLessThanOrEqual(3_960_000);
        }
      }

      const dead = readFileSync(deadLetter, 'utf8')
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line));
      const bad = Array.from({ length: rows }, (_, i) => i + 1).filter((id) => !wanted(id));
      expect(dead.map(({ line }) => line).sort((a, b) => a - b)).toEqual(bad.map((id) => id + 1));
    },
  );
});

needs('redis', 'postgres')(`resuming a warm of SQL that was killed (METRIFY_TEST_SEED=${seed})`, () => {
  let database: OwnDatabase;
  beforeAll(async () => {
    database = await ownDatabase();
    await database.sql(`CREATE TABLE readings AS SELECT id, 'meter-' || id AS name, (id * 0.25)::numeric(12,2) AS kwh
      FROM generate_series(1, ${rows}) id`);
  });

  const warm = (redis: OwnRedis, ...more: string[]) => [
    ...['cache', 'warm', '--sql', 'select id, name, kwh from readings', '--key', 'r:{id}', '--to', 'redis'],
    ...['--rate', String(ratePerSecond), '--resume', join(folder.path, `sql-${redis.database}.ckpt`)],
    ...['--redis-url', redis.url, '--json', ...more],
  ];
  const expected = () =>
    Object.fromEntries(
      Array.from({ length: rows }, (_, i) => i + 1).map((id) => [
        `r:${id}`,
        `{"id":${id},"name":"meter-${id}","kwh":${(id * 0.25).toFixed(2)}}`,
      ]),
    );

  test.concurrent.each(rounds())(
    '$kills × SIGKILL with --resume-column, nx $nx',
    async ({ nx, instants }) => {
      const redis = await ownRedis();
      const finished = await killedAgainAndAgain(
        warm(redis, '--resume-column', 'id', ...(nx ? ['--nx'] : [])),
        instants,
        redis,
        { METRIFY_POSTGRES_URL: database.url },
      );
      expect(finished.code, finished.stderr).toBe(0);
      const { result } = finished.json();
      expect(result).toMatchObject({ read: rows, failed: 0 });
      expect(result.written + result.skipped).toBe(rows);
      expect(values(await dump(redis))).toEqual(expected());
    },
  );

  test('without --resume-column it starts over, and says so', async () => {
    const redis = await ownRedis();
    const env = { METRIFY_POSTGRES_URL: database.url };
    const checkpoint = join(folder.path, `sql-${redis.database}.ckpt`);
    const running = await startMetrify(warm(redis), { env });
    await until('a checkpoint', () => readFile(checkpoint).then(Boolean, () => false));
    running.signal('SIGKILL');
    await running.finished;
    const again = await metrify(warm(redis), { env });
    expect(again.code, again.stderr).toBe(0);
    expect(again.json().warnings.join()).toMatch(/start.*over/);
    expect(again.json().result).toMatchObject({ read: rows, written: rows });
    expect(values(await dump(redis))).toEqual(expected());
  });

  test('a resume column that is not unique is refused, and the rows stay counted', async () => {
    const redis = await ownRedis();
    const finished = await metrify(
      [
        ...[
          'cache',
          'warm',
          '--sql',
          'select id / 2 as pair, id from readings',
          '--key',
          'p:{id}',
          '--to',
          'redis',
        ],
        ...[
          '--resume',
          join(folder.path, 'pair.ckpt'),
          '--resume-column',
          'pair',
          '--redis-url',
          redis.url,
          '--json',
        ],
      ],
      { env: { METRIFY_POSTGRES_URL: database.url } },
    );
    expect(finished.code).toBe(2);
    expect(JSON.parse(finished.stderr).error).toMatchObject({ code: 'RESUME_COLUMN_NOT_UNIQUE' });
  });

  test('other SQL, or another resume column, is another run', async () => {
    const redis = await ownRedis();
    const env = { METRIFY_POSTGRES_URL: database.url };
    const args = warm(redis, '--resume-column', 'id');
    await stoppedAfterCheckpoint(args, join(folder.path, `sql-${redis.database}.ckpt`), env);
    const changed = args.map((arg) => (arg.startsWith('select') ? `${arg} where id > 5` : arg));
    const other = await metrify(changed, { env });
    expect(other.code).toBe(4);
    expect(JSON.parse(other.stderr).error).toMatchObject({ code: 'CHECKPOINT_MISMATCH' });
    expect(JSON.parse(other.stderr).error.message).toMatch(/source sql was .* is .*where id > 5/i);
    const column = await metrify(
      args.map((arg) => (arg === 'id' ? 'name' : arg)),
      { env },
    );
    expect(column.code).toBe(4);
    expect(JSON.parse(column.stderr).error.message).toMatch(/resumeColumn was "id", is "name"/);
  });
});

/** SIGINT after the first checkpoint: the command tidies up and ends with 130. */
async function stoppedAfterCheckpoint(
  args: string[],
  checkpoint: string,
  env: Record<string, string> = {},
): Promise<Finished> {
  const running = await startMetrify(args, { env });
  await until('a checkpoint', () => readFile(checkpoint).then(Boolean, () => false));
  running.signal('SIGINT');
  const finished = await running.finished;
  expect(finished.code, finished.stderr).toBe(130);
  return finished;
}

needs('redis')('a stopped warm and its checkpoint', () => {
  let redis: OwnRedis;
  let stoppedCheckpoint: string;
  let args: string[];
  beforeAll(async () => {
    redis = await ownRedis();
    stoppedCheckpoint = join(folder.path, 'stopped.ckpt');
    args = [
      ...['cache', 'warm', '--file', file, '--key', 'meter:{meter_id}', '--ttl', '1h', '--json'],
      ...['--rate', '4000', '--resume', stoppedCheckpoint, '--redis-url', redis.url],
    ];
  });

  test('SIGINT: 130, the partial result is what the server holds, and the same command continues', async () => {
    const checkpoint = stoppedCheckpoint;
    const stopped = await stoppedAfterCheckpoint(args, checkpoint);
    const partial = stopped.json();
    expect(partial).toMatchObject({ verdict: 'interrupted', exitCode: 130 });
    expect(partial.result.written).toBe((await dump(redis)).size);
    expect(JSON.parse(stopped.stderr.trim().split('\n').at(-1)!).error.hint).toContain(checkpoint);

    const saved = JSON.parse(readFileSync(checkpoint, 'utf8'));
    expect(saved.levels[0].written + saved.levels[0].failed).toBe(saved.position.rows);
    const elsewhere = await ownRedis();
    const refused = async (changed: string[], difference: RegExp) => {
      const finished = await metrify(changed);
      expect(finished.code, finished.stderr).toBe(4);
      const { error } = JSON.parse(finished.stderr) as { error: { message: string; hint: string } };
      expect(error.message).toMatch(difference);
      expect(error.hint).toContain(checkpoint);
    };
    const put = (from: string, to: string) => args.map((arg) => (arg === from ? to : arg));
    await refused(
      put('meter:{meter_id}', 'm:{meter_id}'),
      /key was "meter:\{meter_id\}", is "m:\{meter_id\}"/,
    );
    await refused(put('1h', '2h'), /ttlMs was \[3600000\], is \[7200000\]/);
    await refused([...args, '--nx'], /nx was false, is true/);
    await refused([...args, '--ttl-jitter', '5%'], /ttlJitter was 0, is 0.05/);
    await refused([...args, '--value', 'column:kwh'], /value was "json", is "column:kwh"/);
    await refused(put(redis.url, elsewhere.url), /targets was .* is /);
    expect((await dump(redis)).size).toBe(partial.result.written);
    expect((await dump(elsewhere)).size).toBe(0);

    const done = await metrify(args);
    expect(done.code).toBe(6);
    const { result } = done.json<Envelope>();
    expect(result.read).toBe(rows);
    expect(result.written).toBe(Array.from({ length: rows }, (_, i) => i + 1).filter(wanted).length);
    expect((await dump(redis)).size).toBe(result.written);
    expect(() => readFileSync(checkpoint)).toThrow('ENOENT');
  });

  test('a file that changed since is refused, whichever part of it', async () => {
    const copy = join(folder.path, 'copy.csv');
    const original = readFileSync(file);
    writeFileSync(copy, original);
    const checkpoint = join(folder.path, 'copy.ckpt');
    const own = args.map((arg) => (arg === file ? copy : arg === stoppedCheckpoint ? checkpoint : arg));
    await stoppedAfterCheckpoint(own, checkpoint);

    writeFileSync(copy, `${original.toString()}99999,1\n`);
    const longer = await metrify(own);
    expect(longer.code).toBe(4);
    expect(JSON.parse(longer.stderr).error.message).toMatch(/source size was \d+, is \d+/);

    // Same size and time: only the digest of what was read tells.
    const { mtimeMs } = JSON.parse(readFileSync(checkpoint, 'utf8')).run.source;
    const tampered = Buffer.from(original);
    tampered[tampered.indexOf('\n1,') + 3] = 57;
    writeFileSync(copy, tampered);
    await utimes(copy, mtimeMs / 1000, mtimeMs / 1000);
    const touched = JSON.parse(readFileSync(checkpoint, 'utf8'));
    touched.run.source.mtimeMs = (await import('node:fs')).statSync(copy).mtimeMs;
    writeFileSync(checkpoint, JSON.stringify(touched));
    const same = await metrify(own);
    expect(same.code, same.stderr).toBe(4);
    const { error } = JSON.parse(same.stderr.trim().split('\n').at(-1)!);
    expect(error.code).toBe('CHECKPOINT_MISMATCH');
    expect(error.hint).toContain('Restore the file');
    expect(error.hint).not.toMatch(/same command/);
  });

  test('what is no checkpoint is refused, and stays', async () => {
    const checkpoint = stoppedCheckpoint;
    for (const text of ['', '{"version":1', '{"version":7}', 'meter_id,kwh\n', 'null', '[]']) {
      writeFileSync(checkpoint, text);
      const finished = await metrify(args);
      expect(finished.code, text).toBe(2);
      expect(JSON.parse(finished.stderr).error).toMatchObject({ code: 'CHECKPOINT' });
      expect(readFileSync(checkpoint, 'utf8')).toBe(text);
    }
  });

  test('standard input cannot be resumed', async () => {
    const resumed = ['--resume', join(folder.path, 'no.ckpt'), '--redis-url', redis.url];
    const finished = await metrify(['cache', 'warm', '--stdin', '--key', '{a}', ...resumed], {
      stdin: 'a\n1\n',
    });
    expect(finished.code).toBe(2);
    expect(finished.stderr).toContain('cannot be resumed');
  });

  test('--verify all of a resumed --nx run compares no key that was skipped before the stop', async () => {
    const own = await ownRedis();
    await Probe.with(own.port, own.database, (probe) =>
      probe.askAll([1, 2, 3].map((id) => ['SET', `meter:${id}`, 'old'])),
    );
    const checkpoint = `${stoppedCheckpoint}.nx`;
    const nx = args.map((arg) =>
      arg === redis.url ? own.url : arg === stoppedCheckpoint ? checkpoint : arg,
    );
    nx.push('--nx', '--verify', 'all');
    await stoppedAfterCheckpoint(nx, checkpoint);
    const finished = await metrify(nx);
    expect(finished.code, finished.stderr).toBe(6);
    expect(finished.json().result.verified).toMatchObject({ mismatched: 0, missing: 0 });
  });
});
