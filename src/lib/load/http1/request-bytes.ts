import type { PreparedRequest } from '../job.js';

/** A request that is sent again and again is one object. */
const wires = new WeakMap<PreparedRequest, Buffer>();

/** A request as it goes over the wire. */
export function wireOf(request: PreparedRequest): Buffer {
  let wire = wires.get(request);
  if (!wire) wires.set(request, (wire = encode(request)));
  return wire;
}

function encode({ method, path, headers, body }: PreparedRequest): Buffer {
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  const head = Buffer.from(`${method} ${path} HTTP/1.1\r\n${lines}\r\n`, 'latin1');
  return body ? Buffer.concat([head, body]) : head;
}
