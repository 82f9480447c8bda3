import type { ByteString } from '../../core/bytes.js';
import { exactJson } from '../exact-json.js';

/** The value of a JSON text. A number that a double does not hold is the text of its digits. */
export function exactValue(json: ByteString): unknown {
  return exactJson(json, (digits) => digits);
}
