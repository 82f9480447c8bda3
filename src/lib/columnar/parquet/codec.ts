import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

import { compressSync } from 'snappy';

import { openZstd } from '../zstd.js';
import { codecIds, codecWithId } from './codec-ids.js';

/** How pages are compressed. */
export interface Codec {
  /** Its number in parquet.thrift. */
  readonly id: number;
  compress(bytes: Buffer): Buffer;
}

/** Those that need no time to begin. */
export const codecs = {
  none: { id: codecIds.none, compress: (bytes: Buffer) => Buffer.from(bytes) },
  snappy: { id: codecIds.snappy, compress: (bytes: Buffer) => compressSync(bytes) },
  gzip: { id: codecIds.gzip, compress: (bytes: Buffer) => gzipSync(bytes, { level: 6 }) },
  brotli: {
    id: codecIds.brotli,
    compress: (bytes: Buffer) =>
      brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 5 } }),
  },
} satisfies Record<string, Codec>;

export const codecNames = ['none', 'snappy', 'gzip', 'brotli', 'zstd'] as const;
export type CodecName = (typeof codecNames)[number];
export const defaultCodec = 'snappy' satisfies CodecName;

export async function openCodec(name: CodecName): Promise<Codec> {
  return name === 'zstd' ? { id: codecIds.zstd, compress: await openZstd() } : codecs[name];
}

/** @param id as files have it. @returns undefined for one that is not written here */
export function codecNameOf(id: number): CodecName | undefined {
  const name = codecWithId(id);
  return codecNames.find((each) => each === name);
}
