import type { ByteString } from '../../core/bytes.js';
import { readAhead } from '../../core/read-ahead.js';
import { keyOf } from '../document-key.js';
import type { DocumentName } from '../engine.js';
import { DocumentHasher, hashWords } from './document-hash.js';
import type { PairFile } from './pair-file.js';
import { pairWords } from './pair-file.js';

/** A document as one of two sides has it. */
export interface SideDocument extends DocumentName {
  /** JSON. */
  readonly source: ByteString;
}

/** One of two sets of documents that are compared: rows of a database or file, or what an index holds. */
export interface Side {
  /** For people: `SQL`, `sensors at 10.0.0.5:9200`. */
  readonly label: string;
  /** How many documents there are, where that is known or can be estimated. */
  readonly estimate: number | undefined;
  /** Every document, in no order. */
  documents(signal: AbortSignal): AsyncIterable<readonly SideDocument[]>;
}

/**
 * The hashes of a side's documents, in a file that the caller closes.
 * @param advance is told how many more were read
 * @throws as the side; NotWritten; the signal's reason
 */
export async function hashSide(
  side: Side,
  into: PairFile,
  signal: AbortSignal,
  advance: (documents: number) => void,
): Promise<void> {
  const hasher = new DocumentHasher();
  const pair = new Int32Array(pairWords);
  for await (const documents of readAhead((ahead) => side.documents(ahead), signal)) {
    for (const document of documents) {
      hasher.text(keyOf(document), pair, 0);
      hasher.document(document.source, pair, hashWords);
      into.add(pair);
    }
    await into.flush();
    advance(documents.length);
  }
}
