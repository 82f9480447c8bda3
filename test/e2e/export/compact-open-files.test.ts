import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { saveParquet } from '../../../src/library/columnar.js';
import { temporaryDirectory, type TemporaryDirectory } from '../../servers/process.js';
import { shell } from '../run.js';

describe('export compact', () => {
  let parent: TemporaryDirectory;
  beforeAll(async () => {
    parent = await temporaryDirectory('open-files');
  });
  afterAll(() => parent.remove());

  it('merges more files than it may open at a time', async () => {
    const folder = join(parent.path, 'dataset');
    const rows = Array.from({ length: 200 }, (_, id) => ({ id }));
    await saveParquet(rows, folder, { rowGroupRows: 1, targetFileSize: 1 });
    const names = async () => (await readdir(folder)).filter((name) => name.endsWith('.parquet'));
    expect(await names()).toHaveLength(200);
    const { code, stderr } = await shell(
      `ulimit -n 64; exec "$NODE" "$PROGRAM" export compact "$FOLDER" --json`,
      {
        env: { FOLDER: folder },
      },
    );
    expect({ code, stderr }).toMatchObject({ code: 0 });
    expect(await names()).toHaveLength(1);
  });
});
