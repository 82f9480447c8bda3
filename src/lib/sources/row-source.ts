import type { ByteString } from '../core/bytes.js';

/** Where a source stands after a batch; a checkpoint keeps it and `batches({ from })` continues there. */
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

/** What a checkpoint compares before it continues: any difference means another source. A FIFO is `stdin` too. */
export type SourceIdentity =
  | { kind: 'file'; path: string; size: number; mtimeMs: number }
  | { kind: 'sql'; sql: string; resumeColumn?: string }
  /** Parquet files; the digest is of their names, sizes and times. */
  | { kind: 'dataset'; path: string; files: number; sha256: string }
  | { kind: 'stdin' };

export interface Column {
  readonly name: string;
  /** Where the source knows one; values of the others are text, or as JSON has them. */
  readonly type?: PostgresType;
}

/** A type of PostgreSQL; of a domain, its base type. */
export interface PostgresType {
  /** The same on every server for the types that PostgreSQL comes with. */
  readonly oid: number;
  /** As `format_type` gives it, without length and precision: `timestamp with time zone`. */
  readonly name: string;
}

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
  /** In the source's order; of JSON lines, the members of the first document. */
  readonly columns: readonly Column[];
  /** Rows expected, if that is known or can be estimated; for progress only. */
  readonly estimatedRows?: number | undefined;
  /** Whether `batches` can be called again and gives the same rows. */
  readonly rereadable: boolean;
  /**
   * The field's text, `null` for SQL's NULL and JSON's null or a missing member.
   * @throws UserError `COLUMN_MISSING` naming the columns there are.
   */
  column(name: string): (row: Row) => ByteString | null;
  /** The whole row as one JSON object: every digit of a number kept, timestamps ISO 8601 UTC. */
  readonly json: (row: Row) => ByteString;
  /**
   * The whole row as names and texts alternating: `['meter_id', '17', 'kwh', '1.50']`. Texts are those of `column`. What
   * is null there has neither name nor text here, so rows of one source differ in length.
   */
  readonly fields: (row: Row) => ByteString[];
  /** Of JSON: visits the row's members, each as raw JSON. Later rows may have others than `columns` names. */
  readonly members?: (row: Row, visit: (rawName: ByteString, rawValue: ByteString) => void) => void;
  batches(options: ReadOptions): AsyncIterable<RowBatch<Row>>;
  close(): Promise<void>;
}
