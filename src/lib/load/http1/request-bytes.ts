import { bytesOf } from '../../core/bytes.js';
import type { PreparedRequest } from '../job.js';

/** A request as it goes over the wire, in parts between which headers can be put. */
export interface Wire {
  /** Request line and headers, as Latin-1. */
  readonly head: string;
  /** The empty line, and a short body. */
  readonly end: string;
  /** A long one, which is not copied each time. */
  readonly body: Buffer | undefined;
  /** It has a `traceparent` itself. */
  readonly isTraced: boolean;
}

/** Up to so many bytes a body goes out together with the head. */
const mostCopied = 8 * 1024;

/** A request that is sent again and again is one object. */
const wires = new WeakMap<PreparedRequest, Wire>();

export function wireOf(request: PreparedRequest): Wire {
  let wire = wires.get(request);
  if (!wire) wires.set(request, (wire = encode(request)));
  return wire;
}

function encode({ method, path, headers, body }: PreparedRequest): Wire {
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  const bytes = body && Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const isShort = bytes !== undefined && bytes.length <= mostCopied;
  return {
    head: `${method} ${path} HTTP/1.1\r\n${lines}`,
    end: `\r\n${isShort ? bytesOf(bytes) : ''}`,
    body: isShort ? undefined : bytes,
    isTraced: headers.some(([name]) => name.toLowerCase() === 'traceparent'),
  };
}
