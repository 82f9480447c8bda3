import { datasetFolder } from '../../../lib/export/read/dataset-folder.js';
import { openDataset } from '../../../lib/export/read/open-dataset.js';
import { datasetRows } from '../../../lib/export/read/row-source.js';
import { UserError } from '../../../lib/core/errors.js';
import type { RowSource } from '../../../lib/sources/row-source.js';
import type { Context } from '../../../runtime/context.js';
import { flag, type Flags, type FlagValues } from '../../../runtime/flags.js';
import { sourceFlags } from '../../shared/source/flags.js';
import { openSource } from '../../shared/source/open.js';
import { requireOneSource } from '../../shared/source/require-one.js';

/** Where documents come from: one of `--sql`, `--file`, `--stdin` and `--parquet`. */
export const documentFlags = {
  ...sourceFlags,
  parquet: flag.text({ placeholder: 'PATH', help: 'rows of a dataset of Parquet files: a folder or a file' }),
} satisfies Flags;

/**
 * The rows that the flags name, closed with the context.
 * @param resume whether the run is to be resumable, which standard input is not
 * @throws UserError exit 2; as the source
 */
export async function openDocuments(
  input: FlagValues<typeof documentFlags>,
  context: Context,
  options: { readonly resume: boolean },
): Promise<RowSource> {
  const { sql, file, stdin, parquet } = input;
  requireOneSource({
    '--sql': sql !== undefined,
    '--file': file !== undefined,
    '--stdin': stdin,
    '--parquet': parquet !== undefined,
  });
  if (parquet === undefined) return openSource(input, context, options);
  if (input.resumeColumn !== undefined)
    throw new UserError('--resume-column goes with --sql', { hint: 'Datasets are resumed without it.' });
  return (await datasetRows(await openDataset(datasetFolder(parquet, context.cwd)))) as RowSource;
}
