import { fromBytes, toBytes, type ByteString } from '../core/bytes.js';
import { UserError } from '../core/errors.js';
import { columnMissing } from './columns.js';
import type { Input } from './file-input.js';
import { eachMember, endOfValue, memberText, skipSpace, stringText } from './json-members.js';
import { isUtf8Line, type DecodedRows, type Decoder, type Lines } from './line-reader.js';
import { readRecords } from './records.js';
import type { RowSource } from './row-source.js';

/** The document as it stands in the file, without the white space around it. */
export type JsonlRow = ByteString;

/**
 * One JSON object a line; blank lines are skipped. `json` is the line as it is, so every digit of a number and any
 * nesting is kept. `column` gives a top-level member: strings unescaped, numbers and nested values as written. Of a
 * name that stands twice in one document the last counts, as with JSON.parse.
 *
 * @throws UserError `INPUT_UNREADABLE`, `INPUT_EMPTY`, `DOCUMENT_MISSING`
 */
export async function openJsonl(input: Input): Promise<RowSource<JsonlRow>> {
  const { label } = input;
  const first = await readFirst(input);
  const names = membersOf(first.row);
  return {
    identity: input.identity,
    label,
    columns: names.map((name) => ({ name })),
    estimatedRows: input.size === undefined ? undefined : Math.round(input.size / first.averageLine),
    rereadable: input.rereadable,
    column(name) {
      if (!names.includes(name)) throw columnMissing(name, names, label);
      return memberOf(name);
    },
    json: (row) => row,
    fields: fieldsOf,
    members: eachMember,
    batches: (options) => readRecords(input, { offset: 0, line: 0 }, decode, options),
    close: () => input.close(),
  };
}

/** A function that gives a document's member of that name as text, null where it has none. */
export function memberOf(name: string): (row: JsonlRow) => ByteString | null {
  const plain = `"${toBytes(name)}"`;
  return (row) => {
    const raw = row.includes('\\') ? undefined : soleMember(row, plain);
    if (raw !== undefined) return raw && memberText(raw);
    let found: ByteString | null = null;
    eachMember(row, (rawName, rawValue) => {
      if (rawName === plain || (rawName.includes('\\') && `"${stringText(rawName)}"` === plain))
        found = memberText(rawValue);
    });
    return found;
  };
}

/**
 * A member of a document without backslashes: looked for up to its place only, and without making texts of the others. Undefined when its
 * name stands somewhere behind it, too, where it may be another such member.
 */
function soleMember(row: JsonlRow, plain: string): ByteString | null | undefined {
  let pos = skipSpace(row, 1);
  while (row.charCodeAt(pos) === 34) {
    const nameEnd = row.indexOf('"', pos + 1) + 1;
    const start = skipSpace(row, skipSpace(row, nameEnd) + 1);
    if (nameEnd - pos === plain.length && row.startsWith(plain, pos))
      return row.includes(plain, start) ? undefined : row.slice(start, endOfValue(row, start));
    pos = skipSpace(row, endOfValue(row, start));
    if (row.charCodeAt(pos) === 44) pos = skipSpace(row, pos + 1);
  }
  return null;
}

/** As RowSource.fields. */
export function fieldsOf(row: JsonlRow): ByteString[] {
  const texts = new Map<ByteString, ByteString | null>();
  eachMember(row, (rawName, rawValue) => texts.set(stringText(rawName), memberText(rawValue)));
  const list: ByteString[] = [];
  for (const [name, text] of texts) if (text !== null) list.push(name, text);
  return list;
}

function membersOf(row: JsonlRow): string[] {
  const names = new Set<string>();
  eachMember(row, (rawName) => names.add(fromBytes(stringText(rawName))));
  return [...names];
}

const decode: Decoder<JsonlRow> = (lines, at, maxRows, out) => {
  const stop = Math.min(lines.text.length, at + maxRows);
  for (let i = at; i < stop; i++) decodeLine(lines, i, out);
  return stop;
};

function decodeLine(lines: Lines, index: number, out: DecodedRows<JsonlRow>): void {
  const line = lines.first + index;
  const text = trimmed(lines.text[index]!, line);
  if (text === '') return;
  const reason = !lines.utf8 && !isUtf8Line(text) ? 'not UTF-8' : whyNoObject(text);
  if (reason === undefined) {
    out.rows.push(text);
    out.lines.push(line);
  } else out.rejected.push({ line, reason, text });
}

/** Undefined for a JSON object in UTF-8, whatever else stands in it. */
export function whyNoObject(text: ByteString): string | undefined {
  try {
    JSON.parse(text);
  } catch {
    return 'not JSON';
  }
  return text.charCodeAt(0) === 123 ? undefined : 'not a JSON object';
}

/** Without JSON's white space around it; `trim()` would take bytes of UTF-8 characters with it. */
function trimmed(text: ByteString, line: number): ByteString {
  let start = line === 1 && text.startsWith('ï»¿') ? 3 : 0;
  let end = text.length;
  while (start < end && isSpace(text.charCodeAt(start))) start++;
  while (end > start && isSpace(text.charCodeAt(end - 1))) end--;
  return start === 0 && end === text.length ? text : text.slice(start, end);
}

function isSpace(code: number): boolean {
  return code === 32 || code === 13 || code === 9;
}

/** How far the first document is looked for: a file without any is no JSONL. */
const maxSearchBytes = 16 * 1024 * 1024;

async function readFirst(input: Input): Promise<{ row: JsonlRow; averageLine: number }> {
  const window = await input.peek();
  for (let searched = 0; ;) {
    const bytes = window.bytes;
    const end = window.ended ? bytes.length : bytes.lastIndexOf(10) + 1;
    const text = bytes.toString('latin1', searched, end).split('\n');
    for (const [i, line] of text.entries()) {
      const row = trimmed(line as ByteString, searched === 0 ? i + 1 : 0);
      if (row !== '' && isUtf8Line(row) && whyNoObject(row) === undefined)
        return { row, averageLine: Math.max(1, (end - searched) / text.length) };
    }
    searched = end;
    if (window.ended || bytes.length > maxSearchBytes) throw noDocument(input.label);
    await window.fill(new AbortController().signal);
  }
}

function noDocument(label: string): UserError {
  return new UserError(`${label} holds no JSON object`, {
    code: 'DOCUMENT_MISSING',
    hint: 'Every line must be one JSON object: {"meter_id":17,"kwh":1.25}',
  });
}
