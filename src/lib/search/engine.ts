import type { ByteString } from '../core/bytes.js';
import { ServiceUnavailable } from '../core/errors.js';
import type { Found, NativeFound, Question, SortKey } from './query/question.js';

export type EngineKind = 'elasticsearch' | 'opensearch' | 'solr';

/**
 * A search cluster, whatever its make. Documents and their ids are bytes from end to end: numbers keep every digit.
 * Methods that ask the server throw SearchRefusal (its answer is an error), HttpFailure (there was no answer),
 * ServiceRefused, and the signal's reason.
 */
export interface SearchEngine {
  readonly kind: EngineKind;
  /** `9.5.3` */
  readonly version: string;
  /** For people: `Elasticsearch 9.5.3 at 10.0.0.5:9200`. */
  readonly name: string;
  /** Host and port of the configured address. */
  readonly address: string;
  /**
   * Carries the operations out, once. An outcome for each, in their order.
   * @throws BulkTooLarge, BulkSpoiled, BulkBusy when none was carried out; HttpFailure when that is not known, unless its phase is `connect`
   */
  bulk(
    target: WriteTarget,
    operations: readonly Operation[],
    signal: AbortSignal,
  ): Promise<readonly Outcome[]>;
  /** The documents as they are now, without waiting for a refresh; undefined for those that there are not. */
  read(
    index: string,
    documents: readonly DocumentName[],
    signal: AbortSignal,
  ): Promise<readonly (StoredDocument | undefined)[]>;
  /**
   * Every document that matches, each once, as of one moment, in no order unless `sort` gives one.
   * @throws IncompleteScan when a shard or time is missing on any page
   */
  scan(index: string, options: ScanOptions): AsyncIterable<readonly Hit[]>;
  /** Hits, best first, and aggregations. @throws IncompleteScan when a shard or time is missing */
  search(index: string, question: Question, signal: AbortSignal): Promise<Found>;
  /** A search in the engine's own language. @param body JSON @throws as `search` */
  searchNative(index: string, body: ByteString, signal: AbortSignal): Promise<NativeFound>;
  /** The fields that can be asked about, by name; of several indices together. @throws UserError exit 2 when there is no such index */
  fields(index: string, signal: AbortSignal): Promise<readonly IndexField[]>;
  /** The question's text and filters in the engine's own language, for `scan` and `count`. */
  filterOf(question: Pick<Question, 'text' | 'filters'>): unknown;
  /** How documents come back from the index; undefined where they do as they were given. */
  heldForm?(index: string, signal: AbortSignal): Promise<HeldForm | undefined>;
  /** Why documents do not come back whole, in a clause; undefined where they do. */
  whyIncomplete?(index: string, signal: AbortSignal): Promise<string | undefined>;
  /** Makes what was written visible to searches. */
  refresh(index: string, signal: AbortSignal): Promise<void>;
  /** How many documents match, exactly. @param filter in the engine's own language */
  count(index: string, signal: AbortSignal, filter?: unknown): Promise<number>;
  /** What the name stands for; undefined when there is nothing of it. @throws UserError exit 2 for a pattern or a list, where the engine takes those */
  describe(index: string, signal: AbortSignal): Promise<IndexDescription | undefined>;
  /**
   * Whether a scan of the name gives every document of the indices behind it, as it was written.
   * @throws UserError exit 2 `SHOWS_PART`; ServiceConflict exit 4 `SOURCE_INCOMPLETE`
   */
  requireWhole?(index: string, signal: AbortSignal): Promise<void>;
  close(): void;
}

export interface WriteTarget {
  /** An index, alias, data stream, core or collection. */
  readonly index: string;
  /** Refuses to create an index where the alias is missing. */
  readonly requireAlias?: boolean;
  /**
   * The name may stand for several indices, now or after a rollover: each operation is carried out in the index that has the
   * document, and what one of them has is not created again.
   */
  readonly maySpan?: boolean;
}

export type OperationKind = 'index' | 'create' | 'update' | 'delete';

export interface DocumentName {
  readonly id: ByteString;
  readonly routing?: ByteString | undefined;
}

/** What is to happen to one document. */
export interface Operation extends DocumentName {
  readonly kind: OperationKind;
  /** External version, as decimal digits. */
  readonly version?: string | undefined;
  /** The document must still be what was read (`StoredDocument.revision`): else 409. */
  readonly ifRevision?: string | undefined;
  /** JSON; of an update, the members that change; undefined for a delete. */
  readonly source?: ByteString | undefined;
}

/**
 * `done`: carried out. `again`: refused for a reason that passes (429, 503), to be sent again after a pause. `blocked`: the
 * index takes no writes until somebody makes room. `rejected`: never to be sent again as it is.
 */
export type Outcome =
  | { readonly kind: 'done' }
  | { readonly kind: 'again' | 'blocked'; readonly reason: string }
  | {
      readonly kind: 'rejected';
      /** Of HTTP: 409 where the document is there already or newer, 404 where it is missing. */
      readonly status: number;
      readonly reason: string;
    };

/** An outcome that stays. */
export type Settled = Extract<Outcome, { readonly kind: 'done' | 'rejected' }>;

/** Shared by all that succeed: a bulk has thousands. */
export const done = { kind: 'done' } as const satisfies Outcome;

/** The document as the engine gives it back: it may keep values in a spelling of its own, and the id among them. */
export type HeldForm = (id: ByteString, source: ByteString) => ByteString;

export interface StoredDocument {
  /** The concrete index that has it, where the engine says it. */
  readonly index?: string | undefined;
  /** Another one than was asked for where both lead to the same shard, which has an id only once. */
  readonly routing?: ByteString | undefined;
  readonly source: ByteString;
  /** Decimal digits. */
  readonly version: string;
  /** Opaque: another one after every write. */
  readonly revision: string;
}

export interface ScanOptions {
  readonly signal: AbortSignal;
  /** In the engine's own language: of Elasticsearch, a query as plain data. Default: everything. */
  readonly filter?: unknown;
  /** Maximum documents of a page; the engine chooses by default. */
  readonly pageSize?: number;
  /** How long a page is asked for again while the server is busy or does not answer; 30 s by default. */
  readonly patienceMs?: number;
  readonly sort?: readonly SortKey[];
  /** False: hits come without their documents. */
  readonly source?: boolean;
  /** False: hits come without version and sequence number, which takes the server less work. */
  readonly versions?: boolean;
  /** A part of the documents: part `id` of `max`. Parts can be read side by side. */
  readonly slice?: { readonly id: number; readonly max: number };
  /** Of one shard only, by its number. */
  readonly shard?: number;
}

/** A document as the server holds it: bytes that were never parsed. */
export interface Hit extends DocumentName {
  /** The concrete index, where the engine says it. */
  readonly index?: string | undefined;
  /** JSON; empty when it was not asked for. */
  readonly source: ByteString;
  /** Decimal digits; undefined where the engine has none. */
  readonly version?: string | undefined;
  /** Decimal digits. */
  readonly seqNo?: string | undefined;
}

export interface IndexField {
  /** With its path: `meter.id`, `name.raw`. */
  readonly name: string;
  /** `geo`: a place. `other`: what no question has a use for. `mixed`: it is of different kinds in different indices. */
  readonly kind: 'text' | 'keyword' | 'number' | 'date' | 'boolean' | 'geo' | 'other' | 'mixed';
}

export interface IndexDescription {
  /** Concrete indices behind the name, with their identity: an index that was deleted and created again has another uuid. */
  readonly indices: readonly { readonly name: string; readonly uuid: string }[];
  readonly isAlias: boolean;
  readonly isDataStream: boolean;
}

/** The whole request was longer than the server, or a proxy before it, takes. */
export class BulkTooLarge extends Error {
  override readonly name = 'BulkTooLarge';
}

/** The server could not read the request as a whole, because of one of its operations: it does not say which. */
export class BulkSpoiled extends Error {
  override readonly name = 'BulkSpoiled';
  constructor(
    /** Of HTTP. */
    readonly status: number,
    /** What the server says. */
    readonly reason: string,
  ) {
    super(reason);
  }
}

/** The whole request was refused for a reason that passes. */
export class BulkBusy extends Error {
  override readonly name = 'BulkBusy';
  constructor(
    /** Of HTTP. */
    readonly status: number,
    /** What the server says. */
    readonly reason: string,
    /** How long it asks to wait, in milliseconds. */
    readonly afterMs: number | undefined,
  ) {
    super(reason);
  }
}

/** A page without all of its shards, or one that ran out of time: what was read so far is not everything. */
export class IncompleteScan extends ServiceUnavailable {
  constructor(message: string) {
    super(message, {
      code: 'SCAN_INCOMPLETE',
      hint: 'What was read so far is not everything. See: metrify search status',
    });
  }
}
