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

const zstdId = 6;

export const codecNames = ['none', 'snappy', 'gzip', 'brotli', 'zstd'] as const;
export type CodecName = (typeof codecNames)[number];

export async function openCodec(name: CodecName): Promise<Codec> {
  return name === 'zstd' ? { id: zstdId, compress: await openZstd() } : codecs[name];
}

/** @param id as files have it. @returns undefined for one that is not written here */
export function codecNameOf(id: number): CodecName | undefined {
  return codecNames.find((name) => (name === 'zstd' ? zstdId : codecs[name].id) === id);
}
