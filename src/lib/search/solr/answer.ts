import { type ByteString, bytesOf, fromBytes } from '../../core/bytes.js';
import { ServiceUnavailable } from '../../core/errors.js';
import { JsonCursor, NotJson } from '../../sources/json-cursor.js';
import { stringText } from '../../sources/json-members.js';
import { IncompleteScan } from '../engine.js';

/** The answer of a search handler, of which no document was parsed. */
export interface Answer {
  /** JSON, as the answer has them. */
  readonly documents: readonly ByteString[];
  readonly found: number;
  readonly isExact: boolean;
  readonly nextCursor: string | undefined;
  /** JSON; undefined where it was not asked for. */
  readonly facets: ByteString | undefined;
  readonly highlighting: ByteString | undefined;
  readonly debug: ByteString | undefined;
}

/** @param server for messages @throws IncompleteScan when shards or time were missing; ServiceUnavailable when it is no such answer */
export function readAnswer(body: Buffer, server: string): Answer {
  const cursor = new JsonCursor(bytesOf(body));
  const documents: ByteString[] = [];
  const sections = new Map<string, ByteString>();
  let found = -1;
  let isExact = true;
  try {
    cursor.members((name) => {
      if (name === '"responseHeader"') requireWhole(cursor, server);
      else if (name === '"response"')
        cursor.members((inner) => {
          if (inner === '"docs"') cursor.elements(() => documents.push(cursor.value()));
          else if (inner === '"numFound"') found = Number(cursor.value());
          else if (inner === '"numFoundExact"') isExact = cursor.value() === 'true';
          else cursor.skip();
        });
      else sections.set(name, cursor.value());
    });
    cursor.end();
  } catch (error) {
    if (!(error instanceof NotJson)) throw error;
    throw new ServiceUnavailable(`${server} did not answer with JSON`, { code: 'NOT_JSON', cause: error });
  }
  if (found < 0) throw new ServiceUnavailable(`${server} did not say what it found`, { code: 'NO_ANSWER' });
  const next = sections.get('"nextCursorMark"');
  return {
    documents,
    found,
    isExact,
    nextCursor: next && fromBytes(stringText(next)),
    facets: sections.get('"facets"'),
    highlighting: sections.get('"highlighting"'),
    debug: sections.get('"debug"'),
  };
}

function requireWhole(cursor: JsonCursor, server: string): void {
  let details = '';
  let isPartial = false;
  cursor.members((name) => {
    // True, or `omitted` where nothing could be given at all.
    if (name === '"partialResults"') isPartial = cursor.value() !== 'false';
    else if (name === '"partialResultsDetails"') details = `: ${fromBytes(stringText(cursor.value()))}`;
    else cursor.skip();
  });
  if (isPartial) throw new IncompleteScan(`${server} answered in part${details}`);
}
