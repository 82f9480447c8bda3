/** Values of a page or a dictionary, one after the other without gaps. */
export type Values =
  | { readonly kind: 'fixed'; readonly count: number; readonly width: number; readonly bytes: Uint8Array }
  /** Value i is `lengths[i]` bytes of `data` from `starts[i]` on. */
  | {
      readonly kind: 'bytes';
      readonly count: number;
      readonly data: Buffer;
      readonly starts: Int32Array;
      readonly lengths: Int32Array;
    };

export type FixedValues = Extract<Values, { kind: 'fixed' }>;
export type BytesValues = Extract<Values, { kind: 'bytes' }>;

/** Room for that number of values, aligned for any typed array. */
export function fixedValues(count: number, width: number): FixedValues & { readonly view: DataView } {
  const memory = new ArrayBuffer(Math.ceil((count * width) / 8) * 8);
  return { kind: 'fixed', count, width, bytes: new Uint8Array(memory), view: new DataView(memory) };
}

export function bytesAt({ data, starts, lengths }: BytesValues, i: number): Buffer {
  return data.subarray(starts[i]!, starts[i]! + lengths[i]!);
}
