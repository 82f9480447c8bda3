import { basename } from 'node:path';

import { UserError } from '../../lib/core/errors.js';
import { datasetFolder } from '../../lib/export/read/dataset-folder.js';
import { createTable, ddlReaders, type TableFiles } from '../../lib/export/read/ddl.js';
import { type Inspection, inspectOrc, inspectParquet } from '../../lib/export/read/inspect.js';
import { findDataset, type FoundDataset } from '../../lib/export/read/find-dataset.js';
import { schemaOf } from '../../lib/export/read/open-dataset.js';
import { readCommand } from '../../runtime/command.js';
import { flag } from '../../runtime/flags.js';
import { presentDataset } from '../../ui/export-inspection.js';

type Result = Inspection | { readonly path: string; readonly ddl: string };

export const inspect = readCommand({
  name: 'export inspect',
  summary: 'show the columns of a dataset, and how they are stored',
  synonyms: ['describe', 'schema', 'metadata'],
  description:
    'Reads the footers of Parquet files, and only the manifest where the files are ORC. --ddl prints the statements that make the ' +
    'dataset a table of a reader.',
  args: { path: { help: 'a folder or a file', required: true } },
  flags: {
    ddl: flag.choice(ddlReaders, { help: 'print a table definition for this reader' }),
    name: flag.text({ placeholder: 'NAME', help: "of the table; by default the folder's" }),
  },
  examples: [
    { does: 'sizes and ranges by column', command: 'metrify export inspect lake/readings' },
    { does: 'a table for Spark', command: 'metrify export inspect lake/readings --ddl spark | spark-sql' },
  ],

  async read({ path, ddl, name }, context) {
    if (name !== undefined && ddl === undefined)
      throw new UserError('--name is the name of the table that --ddl makes', { hint: 'Give --ddl too.' });
    const location = datasetFolder(path, context.cwd);
    const found = await findDataset(location);
    if (found.files.length === 0)
      throw new UserError(`${location} has no Parquet or ORC files`, { code: 'FILES_MISSING' });
    const result: Result =
      ddl !== undefined
        ? { path: location, ddl: createTable(ddl, await tableOf(found, name ?? basename(location))) }
        : found.format === 'parquet'
          ? await inspectParquet(found)
          : inspectOrc(found);
    return { verdict: 'ok', result };
  },

  present(result, printer) {
    if ('ddl' in result) printer.block(result.ddl.trimEnd());
    else presentDataset(result, printer);
  },
});

async function tableOf(found: FoundDataset, name: string): Promise<TableFiles> {
  const { name: location, format, partitionBy } = found;
  const schema = await schemaOf(found);
  const count = schema.length - partitionBy.length;
  return { name, location, format, columns: schema.slice(0, count), partitions: schema.slice(count) };
}
