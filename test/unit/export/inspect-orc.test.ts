import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { type Manifest, printManifest } from '../../../src/lib/export/manifest.js';
import { createTable } from '../../../src/lib/export/read/ddl.js';
import { datasetFolder } from '../../../src/lib/export/read/dataset-folder.js';
import { findDataset } from '../../../src/lib/export/read/find-dataset.js';
import { inspectOrc } from '../../../src/lib/export/read/inspect.js';
import { schemaOf } from '../../../src/lib/export/read/open-dataset.js';
import { temporaryDirectory, type TemporaryDirectory } from '../../servers/process.js';

const columns = [
  { name: 'id', type: 'int64' },
  { name: 'price', type: 'decimal(20, 2)' },
  { name: 'at', type: 'timestamp' },
  { name: 'pair', type: 'struct<a: int32, "odd name": list<text>>' },
];
const manifest: Manifest = {
  ...{ format: 'metrify-dataset', version: 1, createdBy: 'metrify', createdAt: '', run: 'r', query: 'q' },
  ...{ reader: 'all', partitionBy: ['month'], partitionColumns: [{ name: 'month', type: 'int32' }], columns },
  ...{ rows: 7, bytes: 3, files: [{ path: 'month=3/part-00000.orc', rows: 7, bytes: 3, sha256: '' }] },
};

/* The files are not there: of ORC nothing but the manifest is read. */
let folder: TemporaryDirectory;
beforeAll(async () => {
  folder = await temporaryDirectory('inspect-orc');
  await writeFile(join(folder.path, '_manifest.json'), printManifest(manifest));
});
afterAll(() => folder.remove());

test('ORC is described by its manifest, and the description says so', async () => {
  const found = await findDataset(folder.path);
  expect(inspectOrc(found)).toMatchObject({
    ...{ format: 'orc', rows: 7, files: 1, readFrom: 'manifest', partitionBy: ['month'], columns },
  });
});

test.each([
  [
    'hive',
    [
      'CREATE EXTERNAL TABLE `t` (',
      '  `id` BIGINT,',
      '  `price` DECIMAL(20, 2),',
      '  `at` TIMESTAMP,',
      '  `pair` STRUCT<`a`: INT, `odd name`: ARRAY<STRING>>',
      ')',
      'PARTITIONED BY (`month` INT)',
      'STORED AS ORC',
      "LOCATION '/lake';",
      'MSCK REPAIR TABLE `t`;',
    ],
  ],
  [
    'trino',
    [
      'CREATE TABLE "t" (',
      '  "id" bigint,',
      '  "price" decimal(20, 2),',
      '  "at" timestamp(6),',
      '  "pair" row("a" integer, "odd name" array(varchar)),',
      '  "month" integer',
      ')',
      'WITH (',
      "  external_location = '/lake',",
      "  format = 'ORC',",
      "  partitioned_by = ARRAY['month']",
      ');',
      "CALL system.sync_partition_metadata(schema_name => CURRENT_SCHEMA, table_name => 't', mode => 'FULL');",
    ],
  ],
] as const)('a table of %s has the columns of the manifest', async (reader, lines) => {
  const schema = await schemaOf(await findDataset(folder.path));
  const table = { name: 't', location: '/lake', format: 'orc' } as const;
  const ddl = createTable(reader, { ...table, columns: schema.slice(0, -1), partitions: schema.slice(-1) });
  expect(ddl.trimEnd().split('\n')).toEqual(lines);
});

test('DuckDB has no table of ORC', async () => {
  const [columns, partitions] = [await schemaOf(await findDataset(folder.path)), []];
  expect(() =>
    createTable('duckdb', { name: 't', location: '/lake', format: 'orc', columns, partitions }),
  ).toThrow('/lake has ORC files, which DuckDB does not read');
});

test('a URL of S3 is refused, and the message says what to do', () => {
  expect(() => datasetFolder('s3://lake/readings', '/tmp')).toThrow(
    expect.objectContaining({
      code: 'S3_UNREAD',
      exitCode: 2,
      hint: expect.stringContaining('aws s3 cp') as string,
    }),
  );
  expect(datasetFolder('lake', '/tmp')).toBe('/tmp/lake');
});
