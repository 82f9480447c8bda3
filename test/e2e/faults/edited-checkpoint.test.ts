import { readFileSync, writeFileSync } from 'node:fs';
import { copyFile, readFile, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { needs } from '../../servers/needs.js';
import { temporaryDirectory, type TemporaryDirectory } from '../../servers/process.js';
import { ownRedis, type OwnRedis } from '../../servers/shared.js';
import { Probe } from '../cache/redis-probe.js';
import { metrify } from '../run.js';

/**
 * What commit 79ce8ed left of a warm of `meters.csv` that SIGINT stopped: the checkpoint after 200 of 400 rows, and dead
 * letters of a few rows more. Every 50th row is malformed, every 70th has no key.
 */
const stored = (name: string): string =>
  fileURLToPath(new URL(`../../fixtures/79ce8ed/warm/${name}`, import.meta.url));
const rows = 400;
const fails = (id: number) => id % 50 === 0 || id % 70 === 0;

needs('redis')('the checkpoint that 79ce8ed wrote', () => {
  let folder: TemporaryDirectory;
  let redis: OwnRedis;
  let checkpoint: string;
  let deadLetters: string;
  /** The checkpoint, of this folder and this server. */
  let valid: string;
  let args: string[];

  beforeAll(async () => {
    folder = await temporaryDirectory('edited-checkpoint');
    redis = await ownRedis();
    const file = join(folder.path, 'meters.csv');
    checkpoint = join(folder.path, 'warm.ckpt');
    deadLetters = join(folder.path, 'dead.jsonl');
    args = [
      ...['cache', 'warm', '--file', file, '--key', 'meter:{meter_id}', '--ttl', '1h', '--json'],
      ...['--resume', checkpoint, '--dead-letter', deadLetters, '--redis-url', redis.url],
    ];
    await copyFile(stored('meters.csv'), file);
    await utimes(file, 1_750_000_000, 1_750_000_000);
    const planned = await metrify([...args, '--dry-run']);
    const [level] = planned.json().result.levels as { name: string; target: string }[];
    valid = (await readFile(stored('checkpoint.ckpt'), 'utf8'))
      .replace('/tmp/metrify-79ce8ed/meters.csv', file)
      .replace('redis=127.0.0.1:6399', `${level!.name}=${level!.target}`);
  });
  afterAll(() => folder.remove());

  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- whatever JSON holds
  type Stored = Record<string, any>;
  const edits: [string, (checkpoint: Stored) => unknown, number][] = [
    ['del run', ({ run: _, ...rest }) => rest, 2],
    ['run = null', (all) => ({ ...all, run: null }), 2],
    ['run = {}', (all) => ({ ...all, run: {} }), 4],
    ['del levels', ({ levels: _, ...rest }) => rest, 2],
    ['levels = []', (all) => ({ ...all, levels: [] }), 2],
    ['levels[0] = {}', (all) => ({ ...all, levels: [{}] }), 2],
    ['two levels', (all) => ({ ...all, levels: [all['levels'][0], all['levels'][0]] }), 2],
    ['only version and rows', () => ({ version: 1, position: { rows: 1 } }), 2],
    ["read = '7'", (all) => ({ ...all, read: '7' }), 2],
    ['read = 1e99', (all) => ({ ...all, read: 1e99 }), 2],
    ['written = -5', (all) => ({ ...all, levels: [{ ...all['levels'][0], written: -5 }] }), 2],
    ["written = '9'", (all) => ({ ...all, levels: [{ ...all['levels'][0], written: '9' }] }), 2],
    ['written + 1', (all) => ({ ...all, levels: [{ ...all['levels'][0], written: 195 }] }), 2],
    ['position = {rows: 1}', (all) => ({ ...all, position: { rows: 1 } }), 2],
    ['position.rows = 1', (all) => ({ ...all, position: { ...all['position'], rows: 1 } }), 2],
    [
      'del sha256, offset -= 3',
      ({ position: { sha256: _, offset, ...position }, ...all }) => ({
        ...all,
        position: { ...position, offset: offset - 3 },
      }),
      2,
    ],
    [
      'offset -= 3',
      ({ position, ...all }) => ({ ...all, position: { ...position, offset: position.offset - 3 } }),
      4,
    ],
    ['deadLetterBytes = 9e9', (all) => ({ ...all, deadLetterBytes: 9e9 }), 2],
    ['deadLetterBytes - 1', (all) => ({ ...all, deadLetterBytes: all['deadLetterBytes'] - 1 }), 2],
    ["deadLetterBytes = '506'", (all) => ({ ...all, deadLetterBytes: '506' }), 2],
  ];

  test.each(edits)('%s is refused, and nothing is written', async (_name, edit, code) => {
    const edited = JSON.stringify(edit(JSON.parse(valid)));
    writeFileSync(checkpoint, edited);
    await copyFile(stored('dead-letters.jsonl'), deadLetters);
    const finished = await metrify(args);
    expect(finished.code, finished.stderr).toBe(code);
    const { error } = JSON.parse(finished.stderr.trim().split('\n').at(-1)!);
    expect(error.hint ?? '').not.toMatch(/same command/);
    // What is refused while the file is read is saved once more as it was.
    const { savedAt: _was, ...before } = JSON.parse(edited);
    const { savedAt: _is, ...after } = JSON.parse(readFileSync(checkpoint, 'utf8'));
    expect(after).toEqual(before);
    expect(await Probe.with(redis.port, redis.database, (probe) => probe.dump())).toEqual(new Map());
  });

  test('continues: the counts of an undisturbed run, every row after it, every dead letter once', async () => {
    await writeFile(checkpoint, valid);
    await copyFile(stored('dead-letters.jsonl'), deadLetters);
    const finished = await metrify(args);
    expect(finished.code, finished.stderr).toBe(6);
    const ids = Array.from({ length: rows }, (_, i) => i + 1);
    const failed = ids.filter(fails);
    expect(finished.json().result).toMatchObject({
      read: rows,
      written: rows - failed.length,
      skipped: 0,
      failed: failed.length,
      resumedAt: 200,
    });
    const held = await Probe.with(redis.port, redis.database, (probe) => probe.dump());
    expect(Object.fromEntries([...held].map(([key, { value }]) => [key, value]))).toEqual(
      Object.fromEntries(
        ids
          .filter((id) => id > 200 && !fails(id))
          .map((id) => [`meter:${id}`, `{"meter_id":"${id}","kwh":"${id * 0.25}"}`]),
      ),
    );
    const before = readFileSync(stored('dead-letters.jsonl')).subarray(0, JSON.parse(valid).deadLetterBytes);
    const after = readFileSync(deadLetters);
    expect(after.subarray(0, before.length)).toEqual(before);
    const lines = after.toString().trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line).line).sort((a, b) => a - b)).toEqual(
      failed.map((id) => id + 1),
    );
    expect(() => readFileSync(checkpoint)).toThrow('ENOENT');
  });
});
