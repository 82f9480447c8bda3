import { ByteBuffer } from './byte-buffer.js';
import { packBits, writeBytes } from './byte-run-length.js';
import { writeIntegers } from './integer-run-length.js';

/* Numbers of orc_proto.proto. */
export const streamKinds = {
  present: 0,
  data: 1,
  length: 2,
  dictionary: 3,
  secondary: 5,
  rowIndex: 6,
} as const;

/** Where a reader begins that wants the rows of a group. */
export interface Position {
  /** Of the stream before compression. */
  readonly offset: number;
  /** What it passes over there: values of a run, bits of a byte. */
  readonly rest: readonly number[];
}

export interface Stream {
  readonly kind: number;
  readonly bytes: Buffer;
  /** Of each group of rows; none of a stream that all of them share. */
  readonly positions: readonly Position[];
}

/** Where groups begin and end: group g has the values from `cuts[g]` on, before `cuts[g + 1]`. */
export type Cuts = readonly number[];

/** A stream whose groups can be read on their own: no run goes from one into the next. */
export function streamOf(
  kind: number,
  cuts: Cuts,
  rest: readonly number[],
  write: (from: number, to: number, out: ByteBuffer) => void,
): Stream {
  const out = new ByteBuffer();
  const positions: Position[] = [];
  for (let g = 0; g + 1 < cuts.length; g++) {
    positions.push({ offset: out.length, rest });
    write(cuts[g]!, cuts[g + 1]!, out);
  }
  return { kind, bytes: out.written, positions };
}

export type Integers = Int32Array | Float64Array | BigInt64Array;

export function integerStream(kind: number, cuts: Cuts, values: Integers, isSigned: boolean): Stream {
  return streamOf(kind, cuts, [0], (from, to, out) =>
    writeIntegers(values.subarray(from, to), to - from, isSigned, out),
  );
}

/** Bits, of which those of a group may begin within a byte. */
export function bitStream(kind: number, cuts: Cuts, isSet: (i: number) => boolean): Stream {
  const out = new ByteBuffer();
  const bytes = packBits(cuts.at(-1)!, isSet);
  const positions: Position[] = [];
  for (let g = 0; g + 1 < cuts.length; g++) {
    positions.push({ offset: out.length, rest: [0, cuts[g]! & 7] });
    const end = g + 2 === cuts.length ? bytes.length : cuts[g + 1]! >> 3;
    writeBytes(bytes.subarray(cuts[g]! >> 3, end), out);
  }
  return { kind, bytes: out.written, positions };
}

/** Integers that all groups share. */
export function sharedIntegers(kind: number, values: Integers): Stream {
  return { ...integerStream(kind, [0, values.length], values, false), positions: [] };
}
