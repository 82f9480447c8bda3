import { Presence } from './presence.js';

/** Values of one width in a batch, one after the other without gaps: rows that are null have none. */
export class FixedColumn {
  readonly presence = new Presence();
  /** How many values there are. */
  count = 0;
  bytes!: Uint8Array;
  /** The same memory as 32-bit integers; of 8 bytes, the lower half comes first. */
  int32!: Int32Array;
  float32!: Float32Array;
  float64!: Float64Array;

  /**
   * @param width bytes of a value; any where only `bytes` is used
   * @param capacity values that it has room for
   */
  constructor(
    readonly width: number,
    capacity: number,
  ) {
    this.#take(new ArrayBuffer(Math.ceil((width * capacity) / 8) * 8));
  }

  /** Bytes of its values. */
  get size(): number {
    return this.width * this.count;
  }

  /** Makes room for that number of values. */
  reserve(capacity: number): void {
    if (capacity * this.width <= this.bytes.length) return;
    const { bytes } = this;
    this.#take(new ArrayBuffer(Math.ceil((2 * this.width * capacity) / 8) * 8));
    this.bytes.set(bytes);
  }

  clear(): void {
    this.count = 0;
    this.presence.clear();
  }

  #take(memory: ArrayBuffer): void {
    this.bytes = new Uint8Array(memory);
    this.int32 = new Int32Array(memory);
    this.float32 = new Float32Array(memory);
    this.float64 = new Float64Array(memory);
  }
}
