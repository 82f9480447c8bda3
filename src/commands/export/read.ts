import { cellJson, cellText } from '../../lib/columnar/cell-json.js';
import type { Field } from '../../lib/columnar/type.js';
import { typeName } from '../../lib/columnar/type-name.js';
import { datasetFolder } from '../../lib/export/read/dataset-folder.js';
import { type DatasetRow, readRows } from '../../lib/export/read/read-rows.js';
import { openDataset } from '../../lib/export/read/open-dataset.js';
import { fieldNumber } from '../../lib/export/read/read-batches.js';
import { bindWhere } from '../../lib/columnar/where/bind.js';
import { readCommand } from '../../runtime/command.js';
import type { Context } from '../../runtime/context.js';
import { escapeLine } from '../../runtime/escape.js';
import { flag } from '../../runtime/flags.js';
import { tableLines } from '../../runtime/table.js';

interface Result {
  readonly rows: number;
  readonly schema: readonly { readonly name: string; readonly type: string }[];
  /** With `--output json`: an object a row. Elsewhere they are the data. */
  readonly values?: readonly unknown[];
}

/** Rows that make one table: their columns are as wide as they need. */
const tableRows = 1000;

export const read = readCommand({
  name: 'export read',
  summary: 'print the rows of a dataset of Parquet files',
  synonyms: ['cat', 'head', 'select', 'query'],
  description:
    'PATH is a folder or a file, also of another writer. Columns in the names of folders (month=2026-01) have the types that the ' +
    'manifest gives; without a manifest they are text. --where takes comparisons, ' +
    'in, between, like, is null, isnan(), and, or, not; files, row groups and pages in which it cannot be true are not read. Not-a-number is equal to ' +
    'itself and greater than all numbers, as in PostgreSQL. Times with a zone are UTC. With --output ndjson a row is a JSON line in which ' +
    'numbers keep all of their digits.',
  args: { path: { help: 'a folder or a file', required: true } },
  flags: {
    where: flag.text({
      placeholder: 'CONDITION',
      help: "rows to print: value > 200 and sensor_type = 'power'",
    }),
    columns: flag.list({ placeholder: 'COLUMN', help: 'columns to print, in this order' }),
    limit: flag.count({ help: 'maximum rows to print' }),
  },
  stdout: 'data',
  examples: [
    { does: 'some rows', command: 'metrify export read lake/readings --limit 10' },
    {
      does: 'high values of a month, as JSON lines',
      command: `metrify export read lake/readings --where "month = '2026-01' and value > 200" --output ndjson`,
    },
  ],

  async read({ path, where, columns, limit }, context) {
    const dataset = await openDataset(datasetFolder(path, context.cwd));
    const predicate = where === undefined ? undefined : bindWhere(where, dataset.schema);
    const rows = readRows(dataset, {
      ...(columns.length > 0 && { columns }),
      ...(predicate && { where: predicate }),
      ...(limit !== undefined && { limit }),
      signal: context.signal,
    });
    const fields =
      columns.length === 0
        ? dataset.schema
        : columns.map((name) => dataset.schema[fieldNumber(dataset.schema, name)]!);
    const schema = fields.map(({ name, type }) => ({ name, type: typeName(type) }));
    if (!context.data) {
      const values: unknown[] = [];
      for await (const row of rows) values.push(JSON.parse(jsonLine(row, fields, true)));
      return { verdict: 'ok', result: { rows: values.length, schema, values } as Result };
    }
    const printed = await (context.output === 'ndjson' ? printLines : printTables)(rows, fields, context);
    return { verdict: 'ok', result: { rows: printed, schema } as Result };
  },

  /** Rows are data. */
  present() {},
});

/** @param isRounded numbers that a double does not hold are text */
function jsonLine(row: DatasetRow, fields: readonly Field[], isRounded = false): string {
  const parts = fields.map(
    ({ name, type }, i) => `${JSON.stringify(name)}:${cellJson(row[i]!, type, isRounded)}`,
  );
  return `{${parts.join(',')}}`;
}

const chunkBytes = 64 * 1024;

async function printLines(rows: AsyncIterable<DatasetRow>, fields: readonly Field[], { data }: Context) {
  let printed = 0;
  let chunk = '';
  for await (const row of rows) {
    chunk += `${jsonLine(row, fields)}\n`;
    printed++;
    if (chunk.length < chunkBytes) continue;
    if (!(await data!.write(chunk))) return printed;
    chunk = '';
  }
  if (chunk !== '') await data!.write(chunk);
  return printed;
}

async function printTables(rows: AsyncIterable<DatasetRow>, fields: readonly Field[], context: Context) {
  const { data, terminal } = context;
  const width = terminal.stdoutIsTerminal ? terminal.width : undefined;
  const columns = fields.map(({ name, type }) => ({
    title: escapeLine(name),
    align: isNumber(type) ? ('right' as const) : ('left' as const),
  }));
  let printed = 0;
  let held: string[][] = [];
  const print = () =>
    data!.write(`${tableLines({ columns, rows: held }, width, (title) => title).join('\n')}\n`);
  for await (const row of rows) {
    held.push(fields.map(({ type }, i) => (row[i] === null ? '' : escapeLine(cellText(row[i]!, type)))));
    printed++;
    if (held.length < tableRows) continue;
    if (!(await print())) return printed;
    held = [];
  }
  if (held.length > 0 || printed === 0) await print();
  return printed;
}

function isNumber(type: Field['type']): boolean {
  if (type.storage === 'list' || type.storage === 'struct') return false;
  const { kind } = type.meaning;
  return kind === 'decimal' || kind === 'integer' || (kind === 'plain' && type.storage.startsWith('float'));
}
