import type { ByteString } from '../core/bytes.js';
import type { DocumentName } from './engine.js';

/** What tells documents of an index apart: with another routing the same id can be there twice. */
export function keyOf({ id, routing }: DocumentName): ByteString {
  return routing === undefined ? id : (`${id}\0${routing}` as ByteString);
}
