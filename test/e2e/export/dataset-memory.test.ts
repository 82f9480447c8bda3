import { join } from 'node:path';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { needs } from '../../servers/needs.js';
import { ownDatabase } from '../../servers/shared.js';
import { temporaryDirectory } from '../../servers/process.js';
import { shell } from '../run.js';

/** Runs an export with few descriptors. @returns its result, and the most memory that it took, in megabytes */
async function measured(url: string, sql: string, folder: string, options: string) {
  const { code, stdout, stderr } = await shell(
    `ulimit -n 128
     (exec "$NODE" "$PROGRAM" export parquet --sql "$SQL" --to "$TO" ${options} --quiet --json) & pid=$!
     while read -r line < <(grep -s VmHWM /proc/$pid/status); do echo "$line" >&2; sleep 0.1; done
     wait $pid`,
    { env: { METRIFY_POSTGRES_URL: url, SQL: sql, TO: folder } },
  );
  if (code !== 0) throw new Error(stderr);
  const peaks = [...stderr.matchAll(/VmHWM:\s*(\d+) kB/g)].map(([, kilobytes]) => Number(kilobytes));
  return { result: JSON.parse(stdout).result, megabytes: Math.max(...peaks) / 1024 };
}

needs('postgres')('the memory of an export', () => {
  let url: string;
  let parent: Awaited<ReturnType<typeof temporaryDirectory>>;
  beforeAll(async () => {
    ({ url } = await ownDatabase());
    parent = await temporaryDirectory('memory');
  });
  afterAll(() => parent.remove());

  it('is bounded when thousands of partitions come in turns', async () => {
    const sql = `select a as round, p as partition, (a * p)::float8 as value, timestamptz '2026-01-01Z' + a * interval '1 s' as at,
                        'meter-' || p as meter
                   from generate_series(1, 100) a, generate_series(1, 3000) p`;
    const folder = join(parent.path, 'partitions');
    const { result, megabytes } = await measured(url, sql, folder, '--partition-by partition');
    expect(result.rows).toBe(300_000);
    expect(result.files).toHaveLength(3000);
    expect(new Set(result.files.map(({ rows }: { rows: number }) => rows))).toEqual(new Set([100]));
    expect(megabytes).toBeLessThan(256);
  });

  it('is bounded by bytes when rows are wide', async () => {
    // 200 MB of text, which as one batch takes twice as much as this bound.
    const columns = Array.from({ length: 400 }, (_, i) => `repeat(md5((i + ${i})::text), 20) as c${i}`);
    const sql = `select ${columns.join(', ')} from generate_series(1, 800) i`;
    const { result, megabytes } = await measured(url, sql, join(parent.path, 'wide'), '');
    expect(result.rows).toBe(800);
    expect(megabytes).toBeLessThan(450);
  });
});
