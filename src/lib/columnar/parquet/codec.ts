import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

import { compressSync } from 'snappy';

import { openZstd } from '../zstd.js';

/** How pages are compressed. */
export interface Codec {
  /** Its number in parquet.thrift. */
  readonly id: number;
  compress(bytes: Buffer): Buffer;
}

/** Those that need no time to begin. */
export const codecs = {
  none: { id: 0, compress: (bytes: Buffer) => Buffer.from(bytes) },
  snappy: { id: 1, compress: (bytes: Buffer) => compressSync(bytes) },
  gzip: { id: 2, compress: (bytes: Buffer) => gzipSync(bytes, { level: 6 }) },
  brotli: {
    id: 4,
    compress: (bytes: Buffer) =>
      brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 5 } }),
  },
} satisfies Record<string, Codec>;

export type CodecName = keyof typeof codecs | 'zstd';
export const codecNames: readonly CodecName[] = ['none', 'snappy', 'gzip', 'brotli', 'zstd'];

export async function openCodec(name: CodecName): Promise<Codec> {
  return name === 'zstd' ? { id: 6, compress: await openZstd() } : codecs[name];
}
