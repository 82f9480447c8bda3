import { isUtf8 } from 'node:buffer';
import type { Hash } from 'node:crypto';
import type { ByteString } from '../core/bytes.js';
import { UserError } from '../core/errors.js';
import type { ByteWindow } from './byte-window.js';
import type { RejectedRow, RowBatch, SourcePosition } from './row-source.js';

/** Complete lines, without their `\n`. */
export interface Lines {
  text: ByteString[];
  /** Number of the first of them, counted from 1. */
  first: number;
  /** Nothing follows the last of them. */
  ended: boolean;
  /** All of them are UTF-8; when false, some are not. */
  utf8: boolean;
  /** Whether any of them holds a quote or a carriage return: where none does, lines are simpler to read. */
  quotes: boolean;
  returns: boolean;
}

export interface DecodedRows<Row> {
  rows: Row[];
  lines: number[];
  rejected: RejectedRow[];
}

/**
 * Reads the records that start at `lines.text[at]` into `out`, until `maxRows` were read or rejected, or no complete
 * record is left. Returns the index of the first line not taken; it must get on when `lines.ended`.
 */
export type Decoder<Row> = (lines: Lines, at: number, maxRows: number, out: DecodedRows<Row>) => number;

/** Rows of a batch; a few thousand keep every stage in the processor's cache. */
const usualRows = 1024;
/** The longest record: whatever is longer is no row, and would be held in memory whole. */
export const maxRecordBytes = 64 * 1024 * 1024;

export interface LineReading<Row> {
  window: ByteWindow;
  decode: Decoder<Row>;
  label: string;
  /** Where the window's first byte stands. */
  start: Required<Pick<SourcePosition, 'rows' | 'offset' | 'line'>>;
  /** Has hashed everything before the window's first byte. */
  hash?: Hash | undefined;
  maxRows?: number | undefined;
  signal: AbortSignal;
}

/** @throws UserError `RECORD_TOO_LONG`; the signal's reason. */
export async function* readLines<Row>(reading: LineReading<Row>): AsyncGenerator<RowBatch<Row>> {
  const { window, decode, hash, signal, maxRows = usualRows } = reading;
  const position: SourcePosition & { offset: number; line: number } = { ...reading.start };
  for (let first = true; ; first = false) {
    if (window.full)
      throw new UserError(`${reading.label}: line ${position.line + 1} is longer than 64 MiB`, {
        code: 'RECORD_TOO_LONG',
        hint: 'Rows are separated by line feeds; is this a file of rows?',
      });
    // What is there already comes first: a slow pipe may not say more for long.
    if (!first) await window.fill(signal);
    const bytes = window.ended ? window.bytes : upToLastNewline(window.bytes);
    if (bytes.length === 0) {
      if (window.ended) return;
      continue;
    }
    const lines = splitLines(bytes, position.line + 1, window.ended);
    let at = 0;
    let consumed = 0;
    while (at < lines.text.length) {
      signal.throwIfAborted();
      const decoded: DecodedRows<Row> = { rows: [], lines: [], rejected: [] };
      const next = decode(lines, at, maxRows, decoded);
      if (next === at) break;
      let end = consumed;
      for (; at < next; at++) end += lines.text[at]!.length + 1;
      end = Math.min(end, bytes.length); // the last line may lack its newline
      hash?.update(bytes.subarray(consumed, end));
      position.rows += decoded.rows.length + decoded.rejected.length;
      position.offset += end - consumed;
      position.line = lines.first + at - 1;
      consumed = end;
      yield {
        ...decoded,
        position: { ...position, ...(hash ? { sha256: hash.copy().digest('hex') } : {}) },
      };
    }
    if (window.ended && consumed === bytes.length) return;
    window.consume(consumed);
  }
}

function upToLastNewline(bytes: Buffer): Buffer {
  return bytes.subarray(0, bytes.lastIndexOf(10) + 1);
}

function splitLines(bytes: Buffer, first: number, ended: boolean): Lines {
  const whole = bytes.toString('latin1');
  const text = whole.split('\n') as ByteString[];
  if (text[text.length - 1] === '') text.pop();
  return {
    text,
    first,
    ended,
    utf8: isUtf8(bytes),
    quotes: whole.includes('"'),
    returns: whole.includes('\r'),
  };
}

export function isUtf8Line(line: ByteString): boolean {
  return isUtf8(Buffer.from(line, 'latin1'));
}
