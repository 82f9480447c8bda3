import type { ByteString } from '../core/bytes.js';

/** One request, as a log tells it. Texts are bytes as they came over the wire; none of them can be trusted. */
export interface LoggedRequest {
  /** `GET`; '' when the client sent no HTTP request line. */
  method: string;
  /** As the client wrote it: `/path?query`, or absolute. */
  target: ByteString;
  status?: number | undefined;
  /** When, as the log writes it: `parseLogTime` reads it. */
  time?: ByteString | undefined;
  /** The site it was for, where the log says so. */
  host?: string | undefined;
  /** Request headers that answers vary by: undefined where the log does not tell, '' where the client sent none. */
  acceptEncoding?: ByteString | undefined;
  acceptLanguage?: ByteString | undefined;
  accept?: ByteString | undefined;
}

/** `GET /path HTTP/1.1`. Whatever else clients send (TLS hellos, nothing at all) has no method. */
export function parseRequestLine(text: ByteString): { method: string; target: ByteString } {
  // Not \S: it takes the byte A0 of UTF-8 characters for a space.
  const match = /^([A-Z][A-Z_-]*) ([^\t-\r ]+)(?: HTTP\/\d(?:\.\d)?)?$/.exec(text);
  return match
    ? { method: match[1]!, target: match[2]! as ByteString }
    : { method: '', target: '' as ByteString };
}
