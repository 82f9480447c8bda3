import type { ByteBuffer } from './byte-buffer.js';

const leastRun = 3;
const longestRun = 130;
const mostLiterals = 128;

/** Bytes as runs and literals. https://orc.apache.org/specification/ORCv1/#byte-run-length-encoding */
export function writeBytes(bytes: Uint8Array, out: ByteBuffer): void {
  let literals = 0;
  const flush = (end: number) => {
    if (literals === 0) return;
    out.byte(256 - literals);
    out.append(bytes.subarray(end - literals, end));
    literals = 0;
  };
  for (let i = 0; i < bytes.length;) {
    let run = 1;
    while (run < longestRun && bytes[i + run] === bytes[i] && i + run < bytes.length) run++;
    if (run >= leastRun) {
      flush(i);
      out.byte(run - leastRun);
      out.byte(bytes[i]!);
      i += run;
    } else {
      i++;
      if (++literals === mostLiterals) flush(i);
    }
  }
  flush(bytes.length);
}

/** Bits, the first of a byte in its highest place. */
export function packBits(count: number, isSet: (i: number) => boolean): Uint8Array {
  const bytes = new Uint8Array(Math.ceil(count / 8));
  for (let i = 0; i < count; i++) if (isSet(i)) bytes[i >> 3]! |= 0x80 >> (i & 7);
  return bytes;
}
