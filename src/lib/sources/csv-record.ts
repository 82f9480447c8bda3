import { withoutReturn, type ByteString } from '../core/bytes.js';

/** A quoted field may span lines; one longer than this is a quote that was never closed. */
const maxQuotedBytes = 1024 * 1024;

export interface CsvRecord {
  fields: ByteString[];
  /** Lines it took. */
  taken: number;
}

/**
 * Reads the record that starts at `lines[at]`, quoted fields and all (RFC 4180; a quote inside an unquoted field is
 * taken as it stands). Gives `'open'` when its last line is not among `lines`, or the reason why it is no record.
 */
export function readQuotedRecord(
  lines: readonly ByteString[],
  at: number,
  delimiter: string,
  ended: boolean,
): CsvRecord | 'open' | { malformed: string } {
  const fields: ByteString[] = [];
  let line = at;
  let text = lines[at]!;
  let pos = 0;
  for (;;) {
    if (text.charCodeAt(pos) !== 34) {
      const end = text.indexOf(delimiter, pos);
      if (end < 0) {
        fields.push(withoutReturn(text.slice(pos)));
        return { fields, taken: line - at + 1 };
      }
      fields.push(text.slice(pos, end));
      pos = end + 1;
      continue;
    }
    let field = '';
    for (pos++; ;) {
      const quote = text.indexOf('"', pos);
      if (quote >= 0) {
        field += text.slice(pos, quote);
        pos = quote + 1;
        if (text.charCodeAt(pos) !== 34) break;
        field += '"';
        pos++;
        continue;
      }
      field += `${text.slice(pos)}\n`;
      line++;
      if (field.length > maxQuotedBytes) return { malformed: 'a quote is opened and not closed' };
      if (line === lines.length) return ended ? { malformed: 'a quote is opened and not closed' } : 'open';
      text = lines[line]!;
      pos = 0;
    }
    fields.push(field as ByteString);
    if (pos === text.length || (pos === text.length - 1 && text.charCodeAt(pos) === 13))
      return { fields, taken: line - at + 1 };
    if (text[pos] !== delimiter) return { malformed: 'a closing quote is followed by more text' };
    pos++;
  }
}

/** The one among comma, semicolon and tab that stands most often in the header, outside of quotes. */
export function sniffDelimiter(header: ByteString): string {
  const bare = header.replace(/"(?:[^"]|"")*"/g, '');
  let best = ',';
  for (const candidate of [';', '\t']) if (count(bare, candidate) > count(bare, best)) best = candidate;
  return best;
}

function count(text: string, part: string): number {
  return text.split(part).length - 1;
}
