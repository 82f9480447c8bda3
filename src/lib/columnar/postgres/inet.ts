import { textOf } from './decoders.js';

const ipv4 = 2;

/** An address, or a network, as PostgreSQL prints it. */
export const inet = textOf(undefined, (block, at) => {
  const [family, bits, isNetwork, length] = block.subarray(at, at + 4);
  const bytes = block.subarray(at + 4, at + 4 + length!);
  const address = family === ipv4 ? bytes.join('.') : ipv6Text(bytes);
  return bits === 8 * length! && isNetwork === 0 ? address : `${address}/${bits}`;
});

/** The longest run of zeros is left out; the last four bytes are an IPv4 address where what is before them says so. */
function ipv6Text(bytes: Uint8Array): string {
  const words = Array.from({ length: 8 }, (_, i) => (bytes[2 * i]! << 8) | bytes[2 * i + 1]!);
  const { start, length } = longestZeros(words);
  const isMapped = start === 0 && (length === 6 || (length === 5 && words[5] === 0xffff));
  const text = (from: number, to: number) => words.slice(from, to).map((word) => word.toString(16));
  const tail = isMapped
    ? [...text(start + length, 6), bytes.subarray(12).join('.')]
    : text(start + length, 8);
  if (length < 2) return text(0, 8).join(':');
  return `${text(0, start).join(':')}::${tail.join(':')}`;
}

function longestZeros(words: readonly number[]): { readonly start: number; readonly length: number } {
  let longest = { start: -1, length: 0 };
  for (let start = 0, end; start < words.length; start = end + 1) {
    for (end = start; words[end] === 0;) end++;
    if (end - start > longest.length) longest = { start, length: end - start };
  }
  return longest;
}
