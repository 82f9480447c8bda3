import { type ByteString, bytesOf, fromBytes } from '../../core/bytes.js';
import { ServiceUnavailable } from '../../core/errors.js';
import { JsonCursor, NotJson } from '../../sources/json-cursor.js';
import { stringText } from '../../sources/json-members.js';
import { errorText } from '../../clients/search/refusal.js';
import { IncompleteScan } from '../engine.js';
import type { FoundHit, Total } from '../query/question.js';

/** The answer to a search of which no document was parsed. */
export interface Answer {
  readonly hits: readonly AnswerHit[];
  /** JSON; undefined when it was not counted. */
  readonly total: ByteString | undefined;
  /** JSON. */
  readonly aggregations: ByteString | undefined;
  /** The point in time that the next page is to be asked for. */
  readonly pit: string | undefined;
}

export interface AnswerHit extends FoundHit {
  /** JSON: an array of sort values. */
  readonly sort?: ByteString;
  /** JSON: by field, an array of passages. */
  readonly highlight?: ByteString;
}

/**
 * Reads the answer of `_search`.
 * @param server for messages
 * @throws IncompleteScan when shards are missing, or the time ran out; ServiceUnavailable when it is no such answer
 */
export function readAnswer(body: Buffer, server: string): Answer {
  const cursor = new JsonCursor(bytesOf(body));
  const hits: AnswerHit[] = [];
  let total: ByteString | undefined;
  let aggregations: ByteString | undefined;
  let pit: string | undefined;
  let shards: ByteString | undefined;
  try {
    cursor.members((name) => {
      if (name === '"timed_out"') requireTime(cursor.value(), server);
      else if (name === '"_shards"') shards = cursor.value();
      else if (name === '"pit_id"') pit = fromBytes(stringText(cursor.value()));
      else if (name === '"aggregations"') aggregations = cursor.value();
      else if (name === '"hits"')
        cursor.members((inner) => {
          if (inner === '"hits"') cursor.elements(() => hits.push(readHit(cursor)));
          else if (inner === '"total"') total = cursor.value();
          else cursor.skip();
        });
      else cursor.skip();
    });
    cursor.end();
  } catch (error) {
    if (!(error instanceof NotJson)) throw error;
    throw new ServiceUnavailable(`${server} did not answer with JSON`, { code: 'NOT_JSON', cause: error });
  }
  requireAllShards(shards === undefined ? undefined : (JSON.parse(fromBytes(shards)) as Shards), server);
  return { hits, total, aggregations, pit };
}

interface ServerTotal {
  readonly value: number;
  readonly relation: 'eq' | 'gte';
}

/** Undefined when it was not counted. */
export function totalOf({ total }: Answer): Total | undefined {
  if (total === undefined) return undefined;
  // As a number with `rest_total_hits_as_int`, which is -1 where it was not counted.
  const counted = JSON.parse(total) as ServerTotal | number;
  if (typeof counted === 'number') return counted < 0 ? undefined : { count: counted, atLeast: false };
  return { count: counted.value, atLeast: counted.relation === 'gte' };
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

function readHit(cursor: JsonCursor): AnswerHit {
  const hit: Mutable<AnswerHit> = { id: none, source: none };
  cursor.members((name) => {
    switch (name) {
      case '"_id"':
        hit.id = stringText(cursor.value());
        break;
      case '"_source"':
        hit.source = cursor.value();
        break;
      case '"_routing"':
        hit.routing = stringText(cursor.value());
        break;
      case '"_index"':
        hit.index = fromBytes(stringText(cursor.value()));
        break;
      case '"_version"':
        hit.version = cursor.value();
        break;
      case '"_seq_no"':
        hit.seqNo = cursor.value();
        break;
      case '"_score"':
        hit.score = numberOf(cursor.value());
        break;
      case '"sort"':
        hit.sort = cursor.value();
        break;
      case '"highlight"':
        hit.highlight = cursor.value();
        break;
      case '"_explanation"':
        hit.explanation = cursor.value();
        break;
      default:
        cursor.skip();
    }
  });
  return hit;
}

const none = '' as ByteString;

function numberOf(raw: ByteString): number | undefined {
  return raw === 'null' ? undefined : Number(raw);
}

function requireTime(timedOut: ByteString, server: string): void {
  if (timedOut === 'true') throw new IncompleteScan(`${server} ran out of time`);
}

/** `_shards` of an answer. */
export interface Shards {
  readonly total?: number;
  /** Those that were skipped, since nothing of them can match, are among them. */
  readonly successful?: number;
  readonly failures?: readonly {
    readonly shard?: number;
    readonly index?: string;
    readonly node?: string;
    readonly reason?: unknown;
  }[];
}

/** A shard that is missing may not even count as failed. @throws IncompleteScan */
export function requireAllShards(shards: Shards | undefined, server: string): void {
  const { total, successful, failures = [] } = shards ?? {};
  if (total !== undefined && successful === total) return;
  const [first] = failures;
  const where =
    first === undefined
      ? ''
      : `: shard ${first.shard ?? '?'} of ${first.index ?? '?'} on node ${first.node ?? '?'}: ${errorText(first.reason)?.reason ?? 'no reason given'}`;
  throw new IncompleteScan(
    total === undefined
      ? `${server} does not say which shards answered`
      : `${server} answered from ${successful ?? 0} of ${total} shards${where}`,
  );
}
