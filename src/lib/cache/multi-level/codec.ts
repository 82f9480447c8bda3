/** How values become text. What `decode` gives back is the caller's own: it may change it. */
export interface TextCodec {
  binary?: false;
  encode(value: unknown): string;
  decode(text: string): unknown;
}

/** How values become bytes. */
export interface BinaryCodec {
  binary: true;
  encode(value: unknown): Uint8Array;
  /** Its bytes are a copy. */
  decode(bytes: Uint8Array): unknown;
}

/** `{ encode: JSON.stringify, decode: JSON.parse }` is one. Text is stored as UTF-8. */
export type Codec = TextCodec | BinaryCodec;

export const json: TextCodec = {
  encode: (value) => JSON.stringify(value),
  decode: (text) => JSON.parse(text) as unknown,
};

/** Texts as they are. */
export const text: TextCodec = { encode: String, decode: (text) => text };
