/** Shorter runs cost more than packing them with the others. */
const leastRun = 16;

/** Bits that hold the numbers from 0 to `largest`. */
export function bitWidth(largest: number): number {
  return 32 - Math.clz32(largest);
}

/** The maximum bytes that `writeHybrid` makes of that number of values. */
export function mostHybridBytes(count: number, width: number): number {
  // A packed group of 8 has `width` bytes, and at worst each has its own header.
  return Math.ceil(count / 8) * (width + 5) + 16;
}

/**
 * Numbers as Parquet's hybrid of run lengths and bit packing (RLE). https://parquet.apache.org/docs/file-format/data-pages/encodings/#RLE
 * @param width bits of each number, from 0 to 24
 * @returns the place in `out` behind it
 */
export function writeHybrid(
  numbers: Int32Array,
  from: number,
  to: number,
  width: number,
  out: Uint8Array,
  at: number,
): number {
  let place = at;
  let i = from;
  while (i < to) {
    const run = runLength(numbers, i, to);
    if (run >= leastRun || i + run === to) {
      place = writeVarint(out, place, run << 1);
      const value = numbers[i]!;
      for (let byte = 0; byte < width; byte += 8) out[place++] = value >>> byte;
      i += run;
      continue;
    }
    // Packed groups of 8 up to the next long run. Only the last may be filled up.
    let end = i;
    while (end < to) {
      const next = runLength(numbers, end, to);
      if (next >= leastRun + 8) {
        // The group that has begun is filled with the run's first numbers.
        end += (8 - ((end - i) & 7)) & 7;
        break;
      }
      end += next;
    }
    const groups = Math.ceil((end - i) / 8);
    place = writeVarint(out, place, (groups << 1) | 1);
    place = pack(numbers, i, Math.min(end, to), groups * 8, width, out, place);
    i = end;
  }
  return place;
}

function runLength(numbers: Int32Array, from: number, to: number): number {
  const value = numbers[from];
  let i = from + 1;
  while (i < to && numbers[i] === value) i++;
  return i - from;
}

/** Each number's lowest bit first. What is missing up to `count` is 0. */
function pack(
  numbers: Int32Array,
  from: number,
  to: number,
  count: number,
  width: number,
  out: Uint8Array,
  at: number,
): number {
  let place = at;
  let held = 0;
  let bits = 0;
  for (let i = from; i < to; i++) {
    held |= numbers[i]! << bits;
    bits += width;
    while (bits >= 8) {
      out[place++] = held;
      bits -= 8;
      held >>>= 8;
    }
  }
  const end = at + (count * width) / 8;
  if (bits > 0) out[place++] = held;
  out.fill(0, place, end);
  return end;
}

export function writeVarint(out: Uint8Array, at: number, value: number): number {
  let place = at;
  let rest = value >>> 0;
  while (rest >= 128) {
    out[place++] = (rest & 127) | 128;
    rest >>>= 7;
  }
  out[place++] = rest;
  return place;
}
