import { basename, resolve } from 'node:path';

import { UserError } from '../../lib/core/errors.js';
import { createTable, ddlReaders } from '../../lib/export/read/ddl.js';
import { type Inspection, inspectOrc, inspectParquet } from '../../lib/export/read/inspect.js';
import { findDataset } from '../../lib/export/read/find-dataset.js';
import { openDataset } from '../../lib/export/read/open-dataset.js';
import { readCommand } from '../../runtime/command.js';
import { flag } from '../../runtime/flags.js';
import { presentDataset } from '../../ui/export-inspection.js';

type Result = Inspection | { readonly path: string; readonly ddl: string };

export const inspect = readCommand({
  name: 'export inspect',
  summary: 'show the columns of a dataset, and how they are stored',
  synonyms: ['describe', 'schema', 'metadata'],
  description:
    'Reads the footers of Parquet files only, and the manifest of ORC files. --ddl prints the statements that make the dataset a table of a reader.',
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
    const location = resolve(context.cwd, path);
    if (ddl !== undefined) {
      const dataset = await openDataset(location);
      const columns = dataset.schema.filter((field) => !dataset.partitionBy.includes(field.name));
      const { format, partitionBy } = dataset;
      const table = { name: name ?? basename(location), location, format, columns, partitionBy };
      return { verdict: 'ok', result: { path: location, ddl: createTable(ddl, table) } as Result };
    }
    const found = await findDataset(location);
    if (found.files.length === 0)
      throw new UserError(`${location} has no Parquet or ORC files`, { code: 'FILES_MISSING' });
    if (found.format === 'parquet') return { verdict: 'ok', result: (await inspectParquet(found)) as Result };
    const { manifest } = found;
    if (!manifest)
      throw new UserError(`${location} has ORC files of another writer, which metrify does not read`, {
        code: 'ORC_UNREAD',
        hint: 'Look at them with orc-tools or pyarrow.',
      });
    return { verdict: 'ok', result: inspectOrc({ ...found, manifest }) as Result };
  },

  present(result, printer) {
    if ('ddl' in result) printer.block(result.ddl.trimEnd());
    else presentDataset(result, printer);
  },
});
