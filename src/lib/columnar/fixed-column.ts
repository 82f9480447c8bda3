import { Presence } from './presence.js';

/** Values of one width in a batch, one after the other without gaps: rows that are null have none. */
export class FixedColumn {
  readonly presence = new Presence();
  /** How many values there are. */
  count = 0;
  bytes: Uint8Array;
  /** The same memory as 32-bit integers; of 8 bytes, the lower half comes first. */
  int32: Int32Array;
  float32: Float32Array;
  float64: Float64Array;

  /** @param width bytes of a value: a power of two, or any where only `bytes` is used */
  constructor(
    readonly width: number,
    capacity: number,
  ) {
    const memory = new ArrayBuffer(Math.ceil((width * capacity) / 8) * 8);
    this.bytes = new Uint8Array(memory);
    this.int32 = new Int32Array(memory);
    this.float32 = new Float32Array(memory);
    this.float64 = new Float64Array(memory);
  }

  clear(): void {
    this.count = 0;
    this.presence.clear();
  }
}
