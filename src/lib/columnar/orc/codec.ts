import { deflateRawSync } from 'node:zlib';

import { compressSync } from 'snappy';

import { openZstd } from '../zstd.js';
import { ByteBuffer } from './byte-buffer.js';

/** How streams are compressed. */
export interface OrcCodec {
  /** Its number in orc_proto.proto. */
  readonly id: number;
  /** Undefined: they are not. */
  readonly compress: ((bytes: Buffer) => Buffer) | undefined;
}

/** Those that need no time to begin. */
export const orcCodecs = {
  none: { id: 0, compress: undefined },
  zlib: { id: 1, compress: (bytes: Buffer) => deflateRawSync(bytes) },
  snappy: { id: 2, compress: (bytes: Buffer) => compressSync(bytes) },
} satisfies Record<string, OrcCodec>;

export type OrcCodecName = keyof typeof orcCodecs | 'zstd';
export const orcCodecNames: readonly OrcCodecName[] = ['none', 'snappy', 'zlib', 'zstd'];

export async function openOrcCodec(name: OrcCodecName): Promise<OrcCodec> {
  return name === 'zstd' ? { id: 5, compress: await openZstd() } : orcCodecs[name];
}

/** A stream is compressed in parts of this size in bytes. */
export const blockBytes = 256 * 1024;

/** A stream as it is in the file. */
export interface StoredStream {
  readonly bytes: Buffer;
  /** Where each part begins. */
  readonly blocks: readonly number[];
}

/** Parts, each behind its length, as they are where that is shorter. */
export function compressStream(bytes: Buffer, { compress }: OrcCodec): StoredStream {
  if (!compress) return { bytes: Buffer.from(bytes), blocks: [0] };
  const out = new ByteBuffer();
  const blocks: number[] = [];
  for (let at = 0; at < bytes.length; at += blockBytes) {
    blocks.push(out.length);
    const part = bytes.subarray(at, at + blockBytes);
    const compressed = compress(part);
    const isOriginal = compressed.length >= part.length;
    const body = isOriginal ? part : compressed;
    const header = 2 * body.length + (isOriginal ? 1 : 0);
    out.byte(header & 255);
    out.byte((header >> 8) & 255);
    out.byte(header >> 16);
    out.append(body);
  }
  return { bytes: Buffer.from(out.written), blocks };
}
