import type { ByteString } from '../core/bytes.js';

// eslint-disable-next-line no-control-regex
const special = /["\\\x00-\x1f]/;

/** The text as a JSON string. Bytes above 127 pass as they are, so UTF-8 stays UTF-8. */
export function jsonString(text: ByteString): ByteString {
  return special.test(text) ? (JSON.stringify(text) as ByteString) : (`"${text}"` as ByteString);
}
