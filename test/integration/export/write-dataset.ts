import { expect } from 'vitest';

import type { Schema } from '../../../src/lib/columnar/type.js';
import { Dataset, type DatasetOptions } from '../../../src/lib/export/dataset.js';
import type { Manifest } from '../../../src/lib/export/manifest.js';
import type { Target } from '../../../src/lib/export/target.js';

const schema: Schema = [{ name: 'id', type: { storage: 'bytes', meaning: { kind: 'text' } } }];

/** Writes files of these texts: those of each folder, each of one row. @param options default: they replace everything */
export async function write(
  target: Target,
  files: Readonly<Record<string, string | readonly string[]>>,
  options: Partial<Pick<DatasetOptions, 'replace' | 'keepOldMs'>> & { readonly suffix?: string } = {},
): Promise<Manifest> {
  const { suffix = 'parquet', ...rest } = options;
  const dataset = await Dataset.open(target, schema, {
    format: { suffix, open: () => expect.unreachable('the files are there') },
    ...{ createdBy: 'test', partitionBy: ['k'], rowGroupRows: 1, query: 'select', reader: 'all' },
    ...rest,
  });
  try {
    for (const [folder, texts] of Object.entries(files))
      for (const text of [texts].flat()) await dataset.adopt(folder, 1, bytesOf(text));
    return await dataset.finish();
  } finally {
    await dataset.close();
  }
}

async function* bytesOf(text: string): AsyncGenerator<Buffer> {
  yield Buffer.from(text);
}
