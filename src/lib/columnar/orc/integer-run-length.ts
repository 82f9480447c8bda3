import { type ByteBuffer, zigzag } from './byte-buffer.js';

const longest = 512;
const leastRepeat = 3;
const longestRepeat = 10;
/** Literals go on over shorter runs. */
const leastRun = 8;
const kinds = { shortRepeat: 0, direct: 1, delta: 3 } as const;

/**
 * Integers as ORC's run length encoding, version 2. Runs of equal numbers, equal steps, rising and falling numbers, and
 * numbers as they are; numbers are not patched. https://orc.apache.org/specification/ORCv1/#integer-run-length-encoding-version-2
 * @param values whole numbers up to 2^53 either way, or of 64 bits as big integers
 */
export function writeIntegers(
  values: ArrayLike<number> | BigInt64Array,
  count: number,
  isSigned: boolean,
  out: ByteBuffer,
): void {
  if (values instanceof BigInt64Array) {
    const numbers = safeNumbers(values, count);
    if (numbers) new RunWriter(numbers, count, isSigned, out).write();
    else writeBig(values, count, isSigned, out);
  } else new RunWriter(values, count, isSigned, out).write();
}

function safeNumbers(values: BigInt64Array, count: number): Float64Array | undefined {
  const numbers = new Float64Array(count);
  // Twice as much must be exact, too, because of the sign.
  const limit = 2n ** 51n;
  for (let i = 0; i < count; i++) {
    const value = values[i]!;
    if (value >= limit || value <= -limit) return undefined;
    numbers[i] = Number(value);
  }
  return numbers;
}

class RunWriter {
  readonly #values: ArrayLike<number>;
  readonly #count: number;
  readonly #isSigned: boolean;
  readonly #out: ByteBuffer;

  constructor(values: ArrayLike<number>, count: number, isSigned: boolean, out: ByteBuffer) {
    this.#values = values;
    this.#count = count;
    this.#isSigned = isSigned;
    this.#out = out;
  }

  write(): void {
    let at = 0;
    while (at < this.#count) {
      const equal = this.#stepsFrom(at, 0);
      if (equal >= leastRepeat) {
        if (equal <= longestRepeat) this.#shortRepeat(this.#values[at]!, equal);
        else this.#fixedDelta(at, equal);
        at += equal;
        continue;
      }
      const step = at + 1 < this.#count ? this.#values[at + 1]! - this.#values[at]! : 0;
      const steps = this.#stepsFrom(at, step);
      if (steps >= leastRun) {
        this.#fixedDelta(at, steps);
        at += steps;
        continue;
      }
      let end = at + 1;
      while (end < this.#count && end - at < longest && this.#stepsFrom(end, 0) < leastRun) end++;
      this.#literals(at, end);
      at = end;
    }
  }

  /** How many numbers from there on differ by this step. */
  #stepsFrom(at: number, step: number): number {
    const values = this.#values;
    const end = Math.min(this.#count, at + longest);
    let i = at + 1;
    while (i < end && values[i]! - values[i - 1]! === step) i++;
    return i - at;
  }

  #shortRepeat(value: number, count: number): void {
    const bits = this.#bitsOf(value);
    const bytes = Math.max(1, Math.ceil(widthOf(bits) / 8));
    this.#out.byte((kinds.shortRepeat << 6) | ((bytes - 1) << 3) | (count - leastRepeat));
    for (let shift = bytes - 1; shift >= 0; shift--) this.#out.byte(Math.floor(bits / 256 ** shift) % 256);
  }

  #fixedDelta(at: number, count: number): void {
    this.#header(kinds.delta, 0, count);
    this.#base(at);
    this.#out.varint(signedBits(this.#values[at + 1]! - this.#values[at]!));
  }

  #literals(from: number, to: number): void {
    let largest = 0;
    for (let i = from; i < to; i++) largest = Math.max(largest, this.#bitsOf(this.#values[i]!));
    const width = packedWidth(largest);
    const deltaWidth = this.#deltaWidth(from, to);
    if (deltaWidth !== undefined && deltaWidth < width) return this.#delta(from, to, deltaWidth);
    this.#header(kinds.direct, widthCode(width), to - from);
    pack(to - from, width, (i) => this.#bitsOf(this.#values[from + i]!), this.#out);
  }

  /** The width of the steps where the numbers only rise or only fall. */
  #deltaWidth(from: number, to: number): number | undefined {
    if (to - from < 3) return undefined;
    const values = this.#values;
    const sign = Math.sign(values[from + 1]! - values[from]!);
    // The first step says which way.
    if (sign === 0) return undefined;
    let largest = 0;
    for (let i = from + 2; i < to; i++) {
      const step = sign * (values[i]! - values[i - 1]!);
      if (step < 0) return undefined;
      largest = Math.max(largest, step);
    }
    // A width of 1 stands for equal steps.
    return Math.max(2, packedWidth(largest));
  }

  #delta(from: number, to: number, width: number): void {
    const values = this.#values;
    this.#header(kinds.delta, widthCode(width), to - from);
    this.#base(from);
    this.#out.varint(signedBits(values[from + 1]! - values[from]!));
    const step = (i: number) => Math.abs(values[from + i + 2]! - values[from + i + 1]!);
    pack(to - from - 2, width, step, this.#out);
  }

  #header(kind: number, width: number, count: number): void {
    this.#out.byte((kind << 6) | (width << 1) | ((count - 1) >> 8));
    this.#out.byte((count - 1) & 255);
  }

  #base(at: number): void {
    this.#out.varint(this.#bitsOf(this.#values[at]!));
  }

  #bitsOf(value: number): number {
    return this.#isSigned ? signedBits(value) : value;
  }
}

function signedBits(value: number): number {
  return value >= 0 ? 2 * value : -2 * value - 1;
}

/** Numbers of more than 53 bits, as they are. */
function writeBig(values: BigInt64Array, count: number, isSigned: boolean, out: ByteBuffer): void {
  for (let from = 0; from < count; from += longest) {
    const length = Math.min(longest, count - from);
    out.byte((kinds.direct << 6) | (widthCode(64) << 1) | ((length - 1) >> 8));
    out.byte((length - 1) & 255);
    out.reserve(8 * length);
    for (let i = from; i < from + length; i++) {
      const bits = isSigned ? zigzag(values[i]!) : values[i]!;
      out.bytes.writeBigUInt64BE(BigInt.asUintN(64, bits), out.length);
      out.length += 8;
    }
  }
}

/** Bits of a number from 0 to 2^53. */
function widthOf(value: number): number {
  return value < 2 ** 32 ? 32 - Math.clz32(value) : 64 - Math.clz32(Math.floor(value / 2 ** 32));
}

const wideWidths = [26, 28, 30, 32, 40, 48, 56, 64] as const;

/** Bits that numbers are packed in: as many as are needed, or the next width that there is. */
function packedWidth(largest: number): number {
  const width = Math.max(1, widthOf(largest));
  return width <= 24 ? width : wideWidths.find((wide) => wide >= width)!;
}

function widthCode(width: number): number {
  return width <= 24 ? width - 1 : 24 + wideWidths.indexOf(width as 26);
}

/** Numbers of `width` bits each, the highest bit first. */
function pack(count: number, width: number, numberAt: (i: number) => number, out: ByteBuffer): void {
  out.reserve(Math.ceil((count * width) / 8));
  const { bytes } = out;
  let place = out.length;
  // Fewer than 8 bits wait for a byte.
  let held = 0;
  let bits = 0;
  for (let i = 0; i < count; i++) {
    let number = numberAt(i);
    let left = width;
    while (left > 0) {
      const taken = Math.min(8 - bits, left);
      const unit = 2 ** (left - taken);
      const top = Math.floor(number / unit);
      number -= top * unit;
      held = (held << taken) | top;
      bits += taken;
      left -= taken;
      if (bits === 8) {
        bytes[place++] = held;
        held = 0;
        bits = 0;
      }
    }
  }
  if (bits > 0) bytes[place++] = held << (8 - bits);
  out.length = place;
}
