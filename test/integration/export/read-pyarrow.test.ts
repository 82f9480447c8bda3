import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { isDeepStrictEqual, promisify } from 'node:util';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { bindWhere } from '../../../src/lib/columnar/where/bind.js';
import { openDataset } from '../../../src/lib/export/read/open-dataset.js';
import { readRows } from '../../../src/lib/export/read/read-rows.js';
import { lakeFolder } from '../../servers/cache-folder.js';
import { type Lake, type LakeValue, openLake } from '../../servers/lake.js';
import { needs } from '../../servers/needs.js';
import { temporaryDirectory } from '../../servers/process.js';
import { lakeValue } from './lake-cells.js';

const rows = 5000;

/** Writes the same rows in many ways. */
const program = `
import datetime, decimal, sys
import pyarrow as pa, pyarrow.parquet as pq
folder = sys.argv[1]
n = ${rows}
some = lambda f, every=7: [None if i % every == 3 else f(i) for i in range(n)]
base = datetime.datetime(2026, 1, 1)
columns = {
  'id': pa.array(range(n), pa.int64()),
  'word': pa.array(some(lambda i: (i * 7919) % 100003 - 50000), pa.int32()),
  'small': pa.array(some(lambda i: i % 200 - 100), pa.int8()),
  'unsigned': pa.array(some(lambda i: (1 << 63) + i), pa.uint64()),
  'double': pa.array(some(lambda i: i / 3), pa.float64()),
  'single': pa.array(some(lambda i: i / 4), pa.float32()),
  'flag': pa.array(some(lambda i: i % 3 == 0), pa.bool_()),
  'text': pa.array(some(lambda i: 'device/%06d/é' % i), pa.string()),
  'bytes': pa.array(some(lambda i: bytes([i % 256]) * (i % 5)), pa.binary()),
  'fixed': pa.array(some(lambda i: i.to_bytes(4, 'big')), pa.binary(4)),
  'money': pa.array(some(lambda i: decimal.Decimal(i) / 100), pa.decimal128(20, 2)),
  'day': pa.array(some(lambda i: base.date() + datetime.timedelta(days=i)), pa.date32()),
  'millis': pa.array(some(lambda i: base + datetime.timedelta(milliseconds=i)), pa.timestamp('ms')),
  'micros': pa.array(some(lambda i: base + datetime.timedelta(microseconds=i)), pa.timestamp('us', tz='UTC')),
  'list': pa.array(some(lambda i: [None if k == 1 else k for k in range(i % 4)]), pa.list_(pa.int32())),
  'texts': pa.array(some(lambda i: ['x' * k for k in range(i % 3)]), pa.list_(pa.string())),
  'record': pa.array(some(lambda i: {'a': i, 'b': None if i % 2 else [str(i)]}), pa.struct([('a', pa.int32()), ('b', pa.list_(pa.string()))])),
  'deep': pa.array(some(lambda i: [[{'x': i}], None, []][: i % 4]), pa.list_(pa.list_(pa.struct([('x', pa.int64())])))),
}
required = pa.schema([pa.field('id', pa.int64(), nullable=False)] + [pa.field(k, v.type) for k, v in columns.items() if k != 'id'])
table = pa.table(columns).cast(required)
delta = {'id': 'DELTA_BINARY_PACKED', 'word': 'DELTA_BINARY_PACKED', 'text': 'DELTA_BYTE_ARRAY', 'bytes': 'DELTA_LENGTH_BYTE_ARRAY',
  'double': 'BYTE_STREAM_SPLIT', 'single': 'BYTE_STREAM_SPLIT', 'fixed': 'BYTE_STREAM_SPLIT', 'flag': 'RLE'}
small = dict(data_page_size=1024, write_batch_size=64)
pq.write_table(table, folder + '/plain.parquet', use_dictionary=False, compression='none')
pq.write_table(table, folder + '/dictionary.parquet', row_group_size=1777, **small)
pq.write_table(table, folder + '/index.parquet', write_page_index=True, compression='zstd', **small)
pq.write_table(table, folder + '/delta1.parquet', use_dictionary=False, column_encoding=delta, compression='gzip', **small)
pq.write_table(table, folder + '/delta2.parquet', use_dictionary=False, column_encoding=delta, data_page_version='2.0', write_page_index=True, **small)
pq.write_table(table, folder + '/fallback.parquet', dictionary_pagesize_limit=2000, data_page_version='2.0', compression='brotli', **small)
pq.write_table(table, folder + '/old.parquet', version='1.0', use_deprecated_int96_timestamps=True, use_compliant_nested_type=False)
pq.write_table(table, folder + '/checked.parquet', write_page_checksum=True, compression='lz4', store_decimal_as_integer=True)
`;
const files = ['plain', 'dictionary', 'index', 'delta1', 'delta2', 'fallback', 'old', 'checked'];

needs('lake')('files of pyarrow', () => {
  let lake: Lake;
  let directory: Awaited<ReturnType<typeof temporaryDirectory>>;

  beforeAll(async () => {
    [lake, directory] = await Promise.all([openLake(), temporaryDirectory('read-pyarrow')]);
    const env = { ...process.env, PYTHONPATH: lakeFolder() };
    await promisify(execFile)('python3', ['-c', program, directory.path], { env });
  });
  afterAll(async () => {
    await lake?.close();
    await directory?.remove();
  });

  it.each(files)('%s: has their values', async (name) => {
    const path = join(directory.path, `${name}.parquet`);
    const right = await lake.pyarrow(path);
    const dataset = await openDataset(path);
    expect(dataset.schema.map((field) => field.name)).toEqual(right.names);
    const floats = right.types.map((type) => type === 'double' || type === 'float');
    const same = (row: readonly LakeValue[]) =>
      row.map((value, i) => (floats[i] && value !== null ? Number(value) : value));
    let row = 0;
    for await (const cells of readRows(dataset)) {
      const found = same(cells.map((cell, i) => lakeValue(cell, dataset.schema[i]!.type)));
      const expected = same(right.rows[row]!);
      if (!isDeepStrictEqual(found, expected)) expect(found, `row ${row}`).toEqual(expected);
      row++;
    }
    expect(row).toBe(rows);
  });

  it.each(files)('%s: has the rows of a condition', async (name) => {
    const dataset = await openDataset(join(directory.path, `${name}.parquet`));
    const where = bindWhere(
      "id between 2500 and 2599 and word is not null or text = 'device/004001/é'",
      dataset.schema,
    );
    const found: unknown[] = [];
    for await (const [deep, list, id] of readRows(dataset, { columns: ['deep', 'list', 'id'], where })) {
      const i = Number(id);
      found.push(i);
      if (i % 7 === 3) continue;
      expect(list).toEqual([0, null, 2, 3].slice(0, i % 4));
      expect(deep).toEqual([[{ x: id }], null, []].slice(0, i % 4));
    }
    const right = Array.from({ length: 100 }, (_, i) => 2500 + i).filter((i) => i % 7 !== 3);
    expect(found).toEqual([...right, 4001]);
  });

  it('a page that has changed is named', async () => {
    const { readFile, writeFile } = await import('node:fs/promises');
    const path = join(directory.path, 'checked.parquet');
    const bytes = await readFile(path);
    bytes[500]! ^= 1;
    await writeFile(path, bytes);
    const rows = readRows(await openDataset(path));
    await expect(rows.next()).rejects.toMatchObject({ code: 'PARQUET_MALFORMED' });
  });
});
