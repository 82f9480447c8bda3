import { appendFileSync, mkdtempSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, expect, it } from 'vitest';

import { needs } from '../../servers/needs.js';
import { until } from '../../servers/ports.js';
import { redisCli } from '../../servers/redis.js';
import { type OwnRedis, ownRedis } from '../../servers/shared.js';
import { metrify, startMetrify } from '../run.js';

const ROWS = 60_000;
const value = (id: number) => `value${id}`.repeat(3);
const formats = {
  csv: `id,v\n${Array.from({ length: ROWS }, (_, id) => `${id},${value(id)}\n`).join('')}`,
  jsonl: Array.from({ length: ROWS }, (_, id) => `{"id":${id},"v":"${value(id)}"}\n`).join(''),
};

needs('redis')('an input that is changed while it is read', () => {
  let redis: OwnRedis;
  let env: Record<string, string>;
  let folder: string;
  const cli = (...args: string[]) => redisCli(redis.port, ['-n', String(redis.database), ...args]);

  beforeEach(async () => {
    redis = await ownRedis();
    env = { METRIFY_REDIS_URL: redis.url };
    folder = mkdtempSync(join(tmpdir(), 'metrify-changed-'));
  });
  afterEach(async () => {
    rmSync(folder, { recursive: true, force: true });
    await cli('FLUSHDB');
  });

  /** Warms from a file, and lets `change` act when some of its rows are written and most are not read yet. */
  async function warm(format: keyof typeof formats, change: (file: string) => void) {
    const file = join(folder, `rows.${format}`);
    writeFileSync(file, formats[format]);
    const argv = ['cache', 'warm', '--file', file, '--key', 'c:{id}', '--value', 'column:v', '--json'];
    const flags = ['--resume', join(folder, 'run.json'), '--rate', '20000'];
    const running = await startMetrify([...argv, ...flags], { env, cwd: folder });
    await until('rows are written', async () => Number(await cli('DBSIZE')) > 500);
    change(file);
    return { ...(await running.finished), again: () => metrify([...argv, ...flags], { env, cwd: folder }) };
  }

  /** Of the keys that are there, those whose value no row of the file had. */
  async function cutValues(): Promise<string[]> {
    const keys = (await cli('KEYS', '*')).split('\n');
    const values = (await cli('MGET', ...keys)).split('\n');
    return keys.filter((key, i) => values[i] !== value(Number(key.slice(2))));
  }

  it.each([
    ['csv', 'truncated, as copytruncate does', (file: string) => truncateSync(file, 0)],
    ['jsonl', 'truncated, as copytruncate does', (file: string) => truncateSync(file, 0)],
    ['csv', 'cut in the middle of a row', (file: string) => truncateSync(file, formats.csv.length - 7)],
    [
      'jsonl',
      'cut in the middle of a document',
      (file: string) => truncateSync(file, formats.jsonl.length - 7),
    ],
    [
      'csv',
      'written again in place',
      (file: string) => writeFileSync(file, formats.csv.replaceAll('u', 'U')),
    ],
    [
      'jsonl',
      'written again in place, and longer',
      (file: string) => writeFileSync(file, formats.jsonl.replaceAll('value', 'changed')),
    ],
  ] as const)('is an error, and no half of a row is stored: %s %s', async (format, _, change) => {
    const { code, json, stderr, again } = await warm(format, change);
    expect(code, stderr).toBe(4);
    const { error } = JSON.parse(stderr) as { error: { code: string; message: string; hint: string } };
    expect(error).toMatchObject({
      code: 'INPUT_CHANGED',
      message: expect.stringContaining('was changed while it was read') as string,
      hint: expect.stringContaining('What was written stays.') as string,
    });
    expect(json()).toMatchObject({ verdict: 'refused', exitCode: 4 });
    const { written, failed } = json().result as Record<string, number>;
    expect(failed).toBe(0);
    expect(written).toBe(Number(await cli('DBSIZE')));
    expect(written).toBeLessThan(ROWS);
    expect(await cutValues()).toEqual([]);
    // The checkpoint is one of the file that was.
    expect([2, 4]).toContain((await again()).code);
  });

  it.each([
    ['grows', (file: string) => appendFileSync(file, `${ROWS},${value(ROWS)}\n`), ROWS + 1],
    ['is renamed', (file: string) => renameSync(file, `${file}.1`), ROWS],
    [
      'is replaced by another one',
      (file: string) => {
        writeFileSync(`${file}.new`, 'id,v\n');
        renameSync(`${file}.new`, file);
      },
      ROWS,
    ],
  ] as const)('is no error when it %s', async (_, change, rows) => {
    const { code, json, stderr } = await warm('csv', change);
    expect(code, stderr).toBe(0);
    expect(json().result).toMatchObject({ read: rows, written: rows });
    expect(await cutValues()).toEqual([]);
  });
});
