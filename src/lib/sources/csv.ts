import { fromBytes, toBytes, withoutReturn, type ByteString } from '../core/bytes.js';
import { UserError } from '../core/errors.js';
import { columnIndex, refuseDuplicates } from './columns.js';
import { readQuotedRecord, sniffDelimiter } from './csv-record.js';
import { emptyInput, type Input } from './file-input.js';
import { insideQuotes, jsonString, objectWriter } from './json-text.js';
import { isUtf8Line, type DecodedRows, type Decoder, type Lines } from './line-reader.js';
import { readRecords } from './records.js';
import type { RowSource } from './row-source.js';

export type CsvRow = ByteString[];

interface Header {
  names: string[];
  delimiter: string;
  /** Bytes and lines up to the first row. */
  offset: number;
  line: number;
}

/**
 * Comma-separated values with a header (RFC 4180; also `;` and tab, found in the header). Without types every value is
 * a JSON string. An empty field is `""` in `json`, `null` in `column` and left out of `fields`, quoted or not: CSV
 * has no other way to say that there is none. Blank lines are skipped.
 *
 * @throws UserError `INPUT_UNREADABLE`, `INPUT_EMPTY`, `HEADER_INVALID`, `COLUMN_DUPLICATE`
 */
export async function openCsv(input: Input): Promise<RowSource<CsvRow>> {
  const { label } = input;
  const header = await readHeader(input);
  const { names, delimiter } = header;
  return {
    identity: input.identity,
    label,
    columns: names.map((name) => ({ name })),
    estimatedRows: header.estimatedRows,
    rereadable: input.rereadable,
    column(name) {
      const index = columnIndex(name, names, label);
      return (row) => row[index] || null;
    },
    json: jsonWriter(names),
    fields: fieldLister(names),
    batches: (options) => readRecords(input, header, csvDecoder(delimiter, names.length), options),
    close: () => input.close(),
  };
}

const byteOrderMark = 'ï»¿'; // U+FEFF in UTF-8
const maxHeaderBytes = 1024 * 1024;

async function readHeader(input: Input): Promise<Header & { estimatedRows: number | undefined }> {
  const window = await input.peek();
  for (;;) {
    const text = window.bytes.toString('latin1');
    const header = parseHeader(text as ByteString, window.ended, input.label);
    if (header) {
      const averageRow = averageLine(text.slice(header.offset) as ByteString);
      const estimatedRows =
        input.size === undefined || averageRow === 0
          ? undefined
          : Math.round((input.size - header.offset) / averageRow);
      return { ...header, estimatedRows };
    }
    if (window.ended) throw emptyInput(input.label);
    if (text.length > maxHeaderBytes)
      throw new UserError(`${input.label} has no header line`, {
        code: 'HEADER_INVALID',
        hint: 'The first line must name the columns.',
      });
    await window.fill(new AbortController().signal);
  }
}

function parseHeader(text: ByteString, ended: boolean, label: string): Header | undefined {
  if (text.startsWith('\x1f\x8b'))
    throw new UserError(`${label} is compressed`, {
      code: 'HEADER_INVALID',
      hint: `Unpack it on the way in: zcat FILE | metrify … --stdin`,
    });
  if (text.startsWith('\xff\xfe') || text.startsWith('\xfe\xff'))
    throw new UserError(`${label} is UTF-16`, {
      code: 'HEADER_INVALID',
      hint: 'Convert it: iconv -f UTF-16 -t UTF-8',
    });
  const start = text.startsWith(byteOrderMark) ? byteOrderMark.length : 0;
  const lines = text.slice(start).split('\n') as ByteString[];
  const last = lines.pop()!; // incomplete, unless nothing follows
  if (ended && last !== '') lines.push(last);
  const at = lines.findIndex((line) => withoutReturn(line) !== '');
  if (at < 0) return undefined;
  const delimiter = sniffDelimiter(lines[at]!);
  const record = readQuotedRecord(lines, at, delimiter, ended);
  if (record === 'open') return undefined;
  if ('malformed' in record)
    throw new UserError(`${label}: the header is malformed: ${record.malformed}`, {
      code: 'HEADER_INVALID',
      hint: 'The first line must name the columns.',
    });
  const names = record.fields.map(fromBytes);
  const nameless = names.indexOf('');
  if (nameless >= 0 || !isUtf8Line(record.fields.join('') as ByteString))
    throw new UserError(
      nameless >= 0 ? `${label}: column ${nameless + 1} has no name` : `${label}: the header is no UTF-8`,
      { code: 'HEADER_INVALID', hint: 'The first line must name every column, in UTF-8.' },
    );
  refuseDuplicates(names, label, 'Give every column a name of its own in the header.');
  const line = at + record.taken;
  const offset = lines.slice(0, line).reduce((sum, each) => sum + each.length + 1, start);
  return { names, delimiter, line, offset: Math.min(offset, text.length) };
}

function averageLine(text: ByteString): number {
  const end = text.lastIndexOf('\n') + 1;
  return end === 0 ? text.length : end / (text.slice(0, end).split('\n').length - 1);
}

function csvDecoder(delimiter: string, width: number): Decoder<CsvRow> {
  return (lines, at, maxRows, out) => {
    const { text, first, utf8, quotes, returns } = lines;
    const stop = Math.min(text.length, at + maxRows);
    let i = at;
    while (i < stop) {
      const line = returns ? withoutReturn(text[i]!) : text[i]!;
      if (line === '') {
        i++;
      } else if (!utf8 || (quotes && line.includes('"'))) {
        const taken = decodeSpecial(lines, i, delimiter, width, out);
        if (taken === 0) break;
        i += taken;
      } else {
        const row = line.split(delimiter) as ByteString[];
        if (row.length === width) {
          out.rows.push(row);
          out.lines.push(first + i);
        } else out.rejected.push({ line: first + i, reason: wrongWidth(row.length, width), text: line });
        i++;
      }
    }
    return i;
  };
}

/** A record with quotes, or one that may be no UTF-8. Returns the lines it took; 0 when more must be read first. */
function decodeSpecial(
  lines: Lines,
  at: number,
  delimiter: string,
  width: number,
  out: DecodedRows<CsvRow>,
): number {
  const record = readQuotedRecord(lines.text, at, delimiter, lines.ended);
  if (record === 'open') return 0;
  const line = lines.first + at;
  if ('malformed' in record) {
    // Only the first line: where the record ought to end is unknown, and the next line is most likely a good one.
    out.rejected.push({ line, reason: record.malformed, text: withoutReturn(lines.text[at]!) });
    return 1;
  }
  const { fields, taken } = record;
  const raw = withoutReturn(lines.text.slice(at, at + taken).join('\n') as ByteString);
  if (!lines.utf8 && !isUtf8Line(raw)) out.rejected.push({ line, reason: 'not UTF-8', text: raw });
  else if (fields.length !== width)
    out.rejected.push({ line, reason: wrongWidth(fields.length, width), text: raw });
  else {
    out.rows.push(fields);
    out.lines.push(line);
  }
  return taken;
}

function wrongWidth(found: number, expected: number): string {
  return `${found} ${found === 1 ? 'field' : 'fields'} where the header has ${expected}`;
}

function jsonWriter(names: readonly string[]): (row: CsvRow) => ByteString {
  // Every value is a string: its quotes stand between the values.
  const before = names.map((name, i) => `${i === 0 ? '{' : '",'}${jsonString(toBytes(name))}:"`);
  return objectWriter(before, (row, i) => insideQuotes(row[i]!), '"}');
}

function fieldLister(names: readonly string[]): (row: CsvRow) => ByteString[] {
  const keys = names.map(toBytes);
  return (row) => {
    const list: ByteString[] = [];
    for (let i = 0; i < keys.length; i++) if (row[i] !== '') list.push(keys[i]!, row[i]!);
    return list;
  };
}
