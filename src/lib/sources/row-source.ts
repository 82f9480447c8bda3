import type { ByteString } from '../core/bytes.js';

/** Where a source stands after a batch; a checkpoint keeps it and `batches({ from })` goes on there. */
export interface SourcePosition {
  /** Rows delivered and rejected up to here. */
  rows: number;
  /** Files: bytes consumed. */
  offset?: number;
  /** Files: lines consumed. */
  line?: number;
  /** Files opened with `fingerprint`: SHA-256 (hex) of the consumed prefix. */
  sha256?: string;
  /** SQL with a resume column: its last value, as PostgreSQL's text. */
  value?: string;
}

/** What a checkpoint compares before it goes on: any difference means another source. */
export type SourceIdentity =
  | { kind: 'file'; path: string; size: number; mtimeMs: number }
  | { kind: 'sql'; sql: string; resumeColumn?: string }
  | { kind: 'stdin' };

export interface RejectedRow {
  line: number;
  reason: string;
  /** The raw line. */
  text: ByteString;
}

export interface RowBatch<Row> {
  rows: Row[];
  /** Files: the line on which each row starts, aligned with `rows`. */
  lines?: number[];
  rejected: RejectedRow[];
  /** Where the source stands after this batch. */
  position: SourcePosition;
}

export interface ReadOptions {
  signal: AbortSignal;
  from?: SourcePosition;
  /** Files: hash what is consumed, so that positions carry `sha256`. */
  fingerprint?: boolean;
  /** Rows of a batch at most, where a few thousand would be too many. */
  maxRows?: number;
}

/**
 * Rows from SQL, CSV, JSON lines or standard input, streamed in batches of at most a few thousand. How a row is
 * represented is the source's business: readers ask it once for accessors and call those for each row.
 */
export interface RowSource<Row = unknown> {
  readonly identity: SourceIdentity;
  /** For messages: the file's name, `standard input`, or `SQL`. */
  readonly label: string;
  /** Column names; of JSON lines, the fields of the first document. */
  readonly columns: string[];
  /** Rows expected, if that is known or can be estimated; for progress only. */
  readonly estimatedRows?: number | undefined;
  /** Whether `batches` can be called again and gives the rows anew. */
  readonly rereadable: boolean;
  /**
   * The field's text, `null` for SQL's NULL and JSON's null or a missing member.
   * @throws UserError `COLUMN_MISSING` naming the columns there are.
   */
  column(name: string): (row: Row) => ByteString | null;
  /** The whole row as one JSON object: every digit of a number kept, timestamps ISO 8601 UTC. */
  readonly json: (row: Row) => ByteString;
  /** Name and text alternating, nulls left out: the arguments of HSET. */
  readonly fields: (row: Row) => ByteString[];
  batches(options: ReadOptions): AsyncIterable<RowBatch<Row>>;
  close(): Promise<void>;
}
