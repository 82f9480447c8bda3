import { fromBytes, toBytes, type ByteString } from '../../core/bytes.js';

/** How values become bytes. What `decode` gives back is the caller's own: it may change it. */
export interface Codec {
  encode(value: unknown): ByteString;
  decode(bytes: ByteString): unknown;
}

export const json: Codec = {
  encode: (value) => toBytes(JSON.stringify(value)),
  decode: (bytes) => JSON.parse(fromBytes(bytes)) as unknown,
};

/** Texts as they are. */
export const text: Codec = { encode: (value) => toBytes(String(value)), decode: fromBytes };
