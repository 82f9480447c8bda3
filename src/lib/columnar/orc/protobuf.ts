import { ByteBuffer, zigzag } from './byte-buffer.js';

/** Writes Protocol Buffers, in which ORC keeps everything but values. https://protobuf.dev/programming-guides/encoding/ */
export class ProtobufWriter {
  readonly #out = new ByteBuffer();

  get bytes(): Buffer {
    return Buffer.from(this.#out.written);
  }

  /** An unsigned number, an enumeration, or a boolean. */
  number(field: number, value: number): void {
    this.#out.varint(field * 8);
    this.#out.varint(value);
  }

  signed(field: number, value: bigint): void {
    this.#out.varint(field * 8);
    this.#out.bigVarint(zigzag(value));
  }

  double(field: number, value: number): void {
    this.#out.varint(field * 8 + 1);
    const bytes = Buffer.alloc(8);
    bytes.writeDoubleLE(value);
    this.#out.append(bytes);
  }

  bytesField(field: number, value: Uint8Array | string): void {
    const bytes = typeof value === 'string' ? Buffer.from(value) : value;
    this.#out.varint(field * 8 + 2);
    this.#out.varint(bytes.length);
    this.#out.append(bytes);
  }

  message(field: number, write: (message: ProtobufWriter) => void): void {
    this.bytesField(field, messageOf(write));
  }

  packed(field: number, values: readonly number[]): void {
    const packed = new ByteBuffer();
    for (const value of values) packed.varint(value);
    this.bytesField(field, packed.written);
  }
}

export function messageOf(write: (message: ProtobufWriter) => void): Buffer {
  const message = new ProtobufWriter();
  write(message);
  return message.bytes;
}
