import { afterAll, beforeAll, expect, test } from 'vitest';

import { type ExportResult, resultOf } from '../../../src/lib/export/result.js';
import { Redactor } from '../../../src/lib/core/secrets/redactor.js';
import { Printer } from '../../../src/runtime/printer.js';
import { presentExport } from '../../../src/ui/export-written.js';
import { needs } from '../../servers/needs.js';
import { temporaryDirectory, type TemporaryDirectory } from '../../servers/process.js';
import { type OwnDatabase, ownDatabase } from '../../servers/shared.js';
import { KeptDataset } from './kept-dataset.js';

needs('postgres')('the result of a run that brings a dataset up to date', () => {
  let database: OwnDatabase;
  let parent: TemporaryDirectory;
  let dataset: KeptDataset;

  beforeAll(async () => {
    [database, parent] = await Promise.all([ownDatabase(), temporaryDirectory('result')]);
    await database.sql(`create table readings (id int, day text, ts timestamptz);
      insert into readings select n, 'd' || n % 3, now() from generate_series(0, 8) n`);
    dataset = await KeptDataset.open(database.url, 'readings', parent.path, { partitionBy: ['day'] });
  });
  afterAll(async () => {
    await dataset.close();
    await parent.remove();
  });

  const night = async (onChange?: 'rewrite') => {
    const run = await dataset.night(onChange);
    const result = resultOf(run, run.summary);
    let text = '';
    const print = (part: string) => (text += part);
    presentExport(
      result,
      new Printer(print, { redactor: new Redactor(), color: false, width: 200, wraps: false }),
    );
    return { result, text };
  };
  /** Files of a run that others do not have, with their rows. */
  const added = (now: ExportResult, before: ExportResult) => {
    const known = new Set(before.files.map(({ sha256 }) => sha256));
    return now.files.filter(({ sha256 }) => !known.has(sha256));
  };

  test('says what the run wrote, and what the dataset has', async () => {
    const first = await night();
    expect(first.result).toMatchObject({ rows: 9, written: { rows: 9, bytes: first.result.bytes } });
    expect(first.text).toMatch(/^ok +9 rows, [\d.]+ \w+ in 3 files\n$/);

    await database.sql(`insert into readings values (100, 'd1', now())`);
    const second = await night();
    const [file] = added(second.result, first.result);
    expect(second.result).toMatchObject({
      rows: 10,
      written: { rows: 1, bytes: file!.bytes, files: [file!.path] },
      since: { kind: 'append' },
    });
    expect(second.text).toMatch(
      /^ok +wrote 1 row, [\d.]+ \w+ in 1 file; the dataset has 10 rows, [\d.]+ \w+ in 4 files\n$/,
    );

    const nothing = await night();
    expect(nothing.result.written).toEqual({ rows: 0, bytes: 0, files: [] });
    expect(nothing.text).toMatch(/^ok +nothing new to write; the dataset has 10 rows/);

    await database.sql(`update readings set ts = now() where id in (0, 1)`);
    const rewritten = await night('rewrite');
    expect(rewritten.result).toMatchObject({
      rows: 10,
      written: { rows: 7, files: ['day=d0/part-00000.parquet', 'day=d1/part-00000.parquet'] },
    });

    await database.sql(`delete from readings where day = 'd2'`);
    const removed = await night('rewrite');
    expect(removed.result).toMatchObject({ rows: 7, written: { rows: 0 }, since: { rewritten: ['day=d2'] } });
    expect(removed.text).toMatch(/^ok +removed 1 partition; the dataset has 7 rows/);
  });
});
