import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { cellsOf } from '../../../src/lib/columnar/cells.js';
import { type ByteSource, checkRange } from '../../../src/lib/columnar/parquet-reader/byte-source.js';
import { ParquetFile } from '../../../src/lib/columnar/parquet-reader/parquet-file.js';
import { bindWhere } from '../../../src/lib/columnar/where/bind.js';
import { UserError } from '../../../src/lib/core/errors.js';
import { type Random, replayable } from '../../random.js';
import { scaled } from '../../scale.js';
import { openLake } from '../../servers/lake.js';
import { needs } from '../../servers/needs.js';
import { temporaryDirectory } from '../../servers/process.js';
import { ownDatabase } from '../../servers/shared.js';
import { written } from './written.js';

const sql = `select i as id, i % 5 as few, i / 3.0::float8 as value, md5(i::text) as note, (i * 0.1)::numeric(30, 5) as price,
  array[i, null, 3] as list, row(i, array['x', i::text])::pair as pair, case when i % 3 = 0 then null else i % 2 = 0 end as flag
  from generate_series(1, 300) i`;

/** Numbers that lead astray: lengths, counts and places of 1, 2, 4 and 8 bytes, and Thrift's varints. */
const wicked = [
  'ff',
  '00',
  '7f',
  '80',
  'ffffff7f',
  'ffffffff',
  '00000080',
  'ffffffffffffff7f',
  'feffffff0f',
  'feffffffffffffffff01',
];
/** A file has 100 kB at most, so that more means that a number in it was believed. */
const mostMemory = 600 * 1024 * 1024;

needs('postgres', 'lake')('files that are broken', () => {
  let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
  const files = new Map<string, Buffer>();

  beforeAll(async () => {
    const database = await ownDatabase();
    directory = await temporaryDirectory('read-corrupt');
    await database.sql('create type pair as (a int, b text[])');
    const { path } = await written(database.url, sql, directory.path);
    files.set('metrify', await readFile(path));
    const lake = await openLake();
    for (const [name, options] of [
      ['v1', "codec 'gzip', parquet_version 'v1'"],
      ['v2', "codec 'zstd', parquet_version 'v2'"],
      ['brotli', "codec 'brotli'"],
      ['lz4', "codec 'lz4_raw'"],
    ] as const) {
      const to = join(directory.path, `${name}.parquet`);
      await lake.duckdb(
        `copy (select i as id, i % 5 as few, i / 3.0 as value, md5(i::varchar) as note, (i * 0.1)::decimal(30, 5) as price, [i, null] as list,
          {'a': i, 'b': ['x']} as pair, map([i], ['v']) as pairs, i % 3 = 0 as flag from range(2500) r(i)) to '${to}' (format parquet, ${options})`,
        'select 1',
      );
      files.set(name, await readFile(to));
    }
    await lake.close();
  });
  afterAll(() => directory?.remove());

  it('are refused, or read, without a crash and without much memory', async () => {
    const { random } = replayable('broken files');
    const outcomes = { read: 0, refused: 0 };
    for (let run = 0; run < scaled(100); run++)
      for (const [name, whole] of files) {
        const bytes = broken(whole, random);
        const outcome = await readAll(bytes).catch((error: unknown) => error);
        if (outcome === undefined) outcomes.read++;
        else {
          expect(outcome, `${name}, run ${run}`).toBeInstanceOf(UserError);
          expect((outcome as UserError).exitCode).toBe(2);
          outcomes.refused++;
        }
        const { rss } = process.memoryUsage();
        expect(rss, `${name}, run ${run}`).toBeLessThan(mostMemory);
      }
    expect(outcomes.read).toBeGreaterThan(0);
    expect(outcomes.refused).toBeGreaterThan(outcomes.read);
  });

  it('are refused wherever they are cut', async () => {
    const whole = files.get('metrify')!;
    for (let length = 0; length < whole.length; length += Math.ceil(whole.length / 400))
      await expect(readAll(whole.subarray(0, length))).rejects.toMatchObject({ code: 'PARQUET_MALFORMED' });
  });
});

/** Changes a byte or more: in the footer as often as elsewhere, which is much longer. */
function broken(whole: Buffer, random: Random): Buffer {
  const bytes = Buffer.from(whole);
  const footer = bytes.length - 8 - bytes.readUInt32LE(bytes.length - 8);
  const pick = (below: number) => Math.floor(random() * below);
  for (let changes = 1 + pick(3); changes > 0; changes--) {
    const at = random() < 0.5 ? pick(footer) : footer + pick(bytes.length - footer);
    if (random() < 0.5) bytes[at] = pick(256);
    else bytes.write(wicked[pick(wicked.length)]!, at, 'hex');
  }
  return random() < 0.1
    ? Buffer.concat([bytes.subarray(0, pick(bytes.length)), bytes.subarray(footer)])
    : bytes;
}

/** Reads all rows in both ways: all of them, and by a condition. */
async function readAll(bytes: Buffer): Promise<void> {
  const source: ByteSource = {
    name: 'a file',
    size: bytes.length,
    read: async (offset, length) => {
      checkRange(bytes.length, offset, length);
      return Buffer.from(bytes.subarray(offset, offset + length));
    },
    close: async () => {},
  };
  const file = await ParquetFile.open(source);
  let left = 20_000;
  for await (const { batch } of file.batches({ fields: file.schema })) {
    const cells = batch.columns.map((column, i) => cellsOf(column, batch.schema[i]!.type, batch.rows));
    for (let row = 0; row < batch.rows; row++) for (const cell of cells) cell(row);
    // A run of equal values may be as long as it says: reading goes on, and takes no memory.
    if ((left -= batch.rows) < 0) break;
  }
  if (
    !file.schema.some(
      ({ name, type }) =>
        name === 'id' && type.storage !== 'bytes' && 'meaning' in type && type.meaning.kind === 'integer',
    )
  )
    return;
  for await (const _ of file.batches({ fields: file.schema, where: bindWhere('id > 290', file.schema) }))
    if ((left -= 1000) < 0) break;
}
