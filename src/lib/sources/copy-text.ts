import type { ByteString } from '../core/bytes.js';

export type CopyRow = (ByteString | null)[];

/** Decodes the text format of COPY, whose rows may be cut anywhere between chunks. */
export class CopyTextDecoder {
  #rest: Buffer | undefined;

  /** The rows that end in this chunk. */
  decode(chunk: Buffer): CopyRow[] {
    const data = this.#rest ? Buffer.concat([this.#rest, chunk]) : chunk;
    const end = data.lastIndexOf(10) + 1;
    this.#rest = end < data.length ? data.subarray(end) : undefined;
    if (end === 0) return [];
    const text = data.toString('latin1', 0, end - 1);
    const lines = text.split('\n');
    const rows: CopyRow[] = new Array<CopyRow>(lines.length);
    if (!text.includes('\\')) {
      for (let i = 0; i < lines.length; i++) rows[i] = lines[i]!.split('\t') as ByteString[];
    } else {
      for (let i = 0; i < lines.length; i++) rows[i] = escapedRow(lines[i]! as ByteString);
    }
    return rows;
  }
}

function escapedRow(line: ByteString): CopyRow {
  const fields: CopyRow = line.split('\t') as ByteString[];
  if (!line.includes('\\')) return fields;
  for (let i = 0; i < fields.length; i++) {
    const field = fields[i]!;
    if (field === '\\N') fields[i] = null;
    else if (field.includes('\\'))
      fields[i] = field.replace(/\\(.)/g, (_, char: string) => escapes[char] ?? char) as ByteString;
  }
  return fields;
}

const escapes: Record<string, string> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' };
