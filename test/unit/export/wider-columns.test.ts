import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';

import type { Reader } from '../../../src/lib/columnar/postgres/profiles.js';
import { typeName } from '../../../src/lib/columnar/type-name.js';
import { mergeColumns } from '../../../src/lib/export/evolution.js';
import { type Manifest, parseManifest, printManifest } from '../../../src/lib/export/manifest.js';
import { openDataset } from '../../../src/lib/export/read/open-dataset.js';
import { readParquet, saveParquet } from '../../../src/library/columnar.js';
import { replayable } from '../../random.js';
import { temporaryDirectory, type TemporaryDirectory } from '../../servers/process.js';

const { random } = replayable('wider columns');
const upTo = (most: number) => Math.floor(random() * (most + 1));

/** Numbers with all digits that the type has. */
function decimals(precision: number, scale: number): [string, string[]] {
  const digits = Array.from({ length: precision }, () => 1 + upTo(8)).join('');
  const number = `${digits.slice(0, precision - scale)}.${digits.slice(precision - scale)}`;
  return [`numeric(${precision},${scale})`, [number, `-${number}`, '0']];
}
const randomDecimal = () => {
  const precision = 1 + upTo(37);
  return decimals(precision, upTo(precision));
};
/** By PostgreSQL's names: values that each type has and narrower ones have not. */
const types: readonly [string, readonly string[]][] = [
  ['int2', ['-32768', '7']],
  ['int4', ['2147483647', '-5']],
  ['int8', ['9007199254740993', '-1']],
  ['float4', ['0.5', '-2']],
  ['float8', ['1e300', '0.1']],
  ...[decimals(9, 2), decimals(10, 4), decimals(18, 2), decimals(20, 2), decimals(38, 10)],
  ...[randomDecimal(), randomDecimal(), randomDecimal()],
  ['text', ['x', '{}']],
  ['json', ['{"a": 1}', '2']],
  ['timestamp', ['2026-01-31 10:00:00']],
  ['timestamptz', ['2026-01-31 10:00:00+00']],
  ['timestamptz[]', ['2026-01-31 10:00:00+00']],
  ['bool', ['true']],
  ['date', ['2026-01-31']],
];

interface Written {
  readonly reader: Reader;
  readonly path: string;
  readonly values: readonly string[];
  readonly manifest: Manifest;
}

let folder: TemporaryDirectory;
const all: Written[] = [];

beforeAll(async () => {
  folder = await temporaryDirectory('wider-columns');
  for (const [i, [type, values]] of types.entries())
    for (const profile of ['all', 'hive'] as const) {
      const path = join(folder.path, `${profile}-${i}`);
      const rows = values.map((value) => ({ x: type.endsWith('[]') ? [value] : value }));
      await saveParquet(rows, path, { schema: { x: type }, for: profile });
      const manifest = parseManifest(await readFile(join(path, '_manifest.json'), 'utf8'), path);
      // These types are the same for DuckDB, which takes more of them for one column.
      const read: Reader[] = profile === 'all' ? ['all', 'duckdb'] : ['hive'];
      all.push(...read.map((reader) => ({ reader, path, values, manifest })));
    }
});
afterAll(() => folder.remove());

/** What both files are as one dataset; undefined where that is refused. */
async function merged(one: Written, other: Written): Promise<string | undefined> {
  let columns: Manifest['columns'];
  try {
    columns = mergeColumns(one.manifest.columns, other.manifest.columns, one.reader);
  } catch (error) {
    expect(error).toMatchObject({ code: 'SCHEMA_CHANGED' });
    return undefined;
  }
  const path = join(folder.path, 'merged', [one, other].map((each) => each.path.split('/').at(-1)).join('+'));
  await mkdir(path, { recursive: true });
  const files = [];
  for (const [i, { path: from, manifest }] of [one, other].entries()) {
    const name = `part-${i}.parquet`;
    await copyFile(join(from, manifest.files[0]!.path), join(path, name));
    files.push({ ...manifest.files[0]!, path: name });
  }
  await writeFile(join(path, '_manifest.json'), printManifest({ ...one.manifest, columns, files }));
  return path;
}

/** Numbers without what only their type adds, such as zeros at the end. */
function plain(value: unknown): string {
  const text = Array.isArray(value) ? String(value[0]) : String(value);
  if (!/^-?[\d.]+(e\+?\d+)?$/.test(text)) return text;
  if (text.includes('e')) return String(Number(text));
  const short = text.includes('.') ? text.replace(/\.?0*$/, '') : text;
  return short.replace(/^(-?)0*(?=\d)/, '$1').replace(/^(-?)\./, '$10.');
}

test('what is accepted as one column is read as one column, with the type of the manifest', async () => {
  let accepted = 0;
  for (const one of all)
    for (const other of all.filter(({ reader }) => reader === one.reader)) {
      const path = await merged(one, other);
      if (path === undefined) continue;
      if (one !== other) accepted++;
      const { schema, manifest } = await openDataset(path);
      expect(schema.map(({ name, type }) => ({ name, type: typeName(type) }))).toEqual(manifest!.columns);
      const found: string[] = [];
      for await (const { x } of readParquet(path)) found.push(plain(x));
      expect(found).toEqual([...one.values, ...other.values].map(plain));
    }
  expect(accepted).toBeGreaterThan(50);
});
