import { type ByteString, fromBytes } from '../../core/bytes.js';
import { UserError } from '../../core/errors.js';
import { eachMember, stringText } from '../../sources/json-members.js';
import { fieldsOf, type JsonlRow, memberOf, whyNoObject } from '../../sources/jsonl.js';
import type { RowBatch, RowSource } from '../../sources/row-source.js';

/** Whether the source is a dead-letter file, by its first line. */
export function isDeadLetters({ columns, members }: RowSource): boolean {
  const names = columns.map(({ name }) => name);
  const isKnown = (name: string) => ['line', 'reason', 'row'].includes(name);
  return members !== undefined && names.every(isKnown) && names.includes('reason') && names.includes('row');
}

/**
 * The rows of a dead-letter file, which somebody has mended, as the source that they came from would give them.
 * @throws UserError exit 2 when the source is none
 */
export function deadLetterRows(file: RowSource): RowSource<JsonlRow> {
  if (!isDeadLetters(file))
    throw new UserError(`${file.label} is not a dead-letter file`, {
      hint: 'Each of its lines has a reason and a row: {"line":500,"reason":"…","row":"{…}"}',
    });
  return {
    ...file,
    columns: [],
    column: memberOf,
    json: (row) => row,
    fields: fieldsOf,
    members: eachMember,
    async *batches(options) {
      for await (const batch of file.batches(options)) yield opened(batch as RowBatch<JsonlRow>);
    },
    close: () => file.close(),
  };
}

function opened({ rows, lines = [], rejected, position }: RowBatch<JsonlRow>): RowBatch<JsonlRow> {
  const batch = { rows: [] as JsonlRow[], lines: [] as number[], rejected: [...rejected], position };
  for (const [i, letter] of rows.entries()) {
    const row = rowOf(letter);
    const reason = row === undefined ? 'not a line of a dead-letter file' : whyNoObject(row);
    if (reason === undefined) {
      batch.rows.push(row!);
      batch.lines.push(lines[i]!);
    } else batch.rejected.push({ line: lines[i]!, reason, text: row ?? letter });
  }
  return batch;
}

/** It stands there as text, or since it was mended as an object. */
function rowOf(letter: JsonlRow): ByteString | undefined {
  let row: ByteString | undefined;
  eachMember(letter, (name, value) => {
    if (name === '"row"') row = value.charCodeAt(0) === 34 ? stringText(value) : value;
  });
  return row === undefined || fromBytes(row) === '' ? undefined : row;
}
