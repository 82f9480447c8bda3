import { fromBytes, type ByteString } from '../core/bytes.js';
import { UserError } from '../core/errors.js';
import { eachElement, memberText, stringText } from '../sources/json-members.js';
import type { RowBatch, RowSource } from '../sources/row-source.js';
import type { RowColumn } from '../columnar/rows/row-batches.js';
import type { RowType } from '../columnar/rows/named-type.js';

/**
 * A row's values by column, in an array that is used again.
 * @param where the row is, for messages
 * @throws UserError `COLUMN_UNKNOWN`
 */
export type ReadRow<Row> = (row: Row, where: () => string) => readonly unknown[];

/**
 * How the rows of a file or stream are read as values. Texts are those of the source: CSV's fields, where an empty one is null, and
 * JSON's strings and numbers as they are written.
 * @throws UserError `COLUMN_MISSING`
 */
export function rowReader<Row>(source: RowSource<Row>, columns: readonly RowColumn[]): ReadRow<Row> {
  return source.members ? memberReader(source.members, columns) : fieldReader(source, columns);
}

function fieldReader<Row>(source: RowSource<Row>, columns: readonly RowColumn[]): ReadRow<Row> {
  const fields = columns.map(({ name }) => source.column(name));
  const values = new Array<unknown>(columns.length);
  return (row) => {
    for (let i = 0; i < fields.length; i++) {
      const text = fields[i]!(row);
      values[i] = text === null ? null : fromBytes(text);
    }
    return values;
  };
}

function memberReader<Row>(
  members: NonNullable<RowSource<Row>['members']>,
  columns: readonly RowColumn[],
): ReadRow<Row> {
  const places = new Map(columns.map(({ name }, i) => [name, i]));
  const values = new Array<unknown>(columns.length);
  return (row, where) => {
    values.fill(null);
    members(row, (rawName, raw) => {
      const name = fromBytes(stringText(rawName));
      const place = places.get(name);
      if (place === undefined) throw unknownMember(name, where());
      values[place] = jsonValue(raw, columns[place]!);
    });
    return values;
  };
}

/** Numbers stay the text that they are: JavaScript's would not be the same. */
function jsonValue(raw: ByteString, { type, isJson, element }: RowType): unknown {
  if (raw === 'null') return null;
  if (isJson) return fromBytes(raw);
  if (type.storage === 'list' && raw.startsWith('[')) {
    const elements: unknown[] = [];
    eachElement(raw, (each) => elements.push(jsonValue(each, element!)));
    return elements;
  }
  return fromBytes(memberText(raw)!);
}

function unknownMember(name: string, where: string): UserError {
  return new UserError(`${where} has '${name}', which the first row does not have`, {
    code: 'COLUMN_UNKNOWN',
    hint: `Name it with --types '${name}:text', so that it becomes a column.`,
  });
}

/** @throws UserError `ROW_INVALID` for the first row that could not be read: none may be missing */
export function refuseRejected({ rejected }: RowBatch<unknown>, label: string): void {
  const [first] = rejected;
  if (!first) return;
  throw new UserError(`${label}, line ${first.line}: ${first.reason}`, {
    code: 'ROW_INVALID',
    hint: 'Nothing was written. Mend the line, or remove it.',
  });
}
