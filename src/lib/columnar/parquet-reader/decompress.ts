import { brotliDecompressSync, gunzipSync } from 'node:zlib';

import { compressors } from 'hyparquet-compressors';
import { uncompressSync } from 'snappy';

import { errorMessage } from '../../core/errors.js';
import { codecIds, codecWithId } from '../parquet/codec-ids.js';
import { ParquetMalformed, ParquetUnsupported } from './malformed.js';

/** Of a page: PostgreSQL's longest value has a gigabyte. */
const mostBytes = 2 ** 30 + 2 ** 20;
/** The maximum that a byte becomes: with zstd, four bytes make 128 KiB. */
const mostRatio = 2 ** 16;
/** Three bytes of snappy make up to 64. */
const mostSnappyRatio = 22;

/**
 * Undoes a page's compression. Nothing is allocated that the bytes cannot fill.
 * @param size that it says it has then
 * @throws ParquetMalformed, ParquetUnsupported
 */
export function decompress(codec: number, bytes: Buffer, size: number): Buffer {
  if (codec === codecIds.none) {
    if (bytes.length !== size) throw new ParquetMalformed(`a page has ${bytes.length} bytes, not ${size}`);
    return bytes;
  }
  if (size > mostBytes) throw new ParquetUnsupported(`a page of ${size} bytes`);
  if (size > bytes.length * (codec === codecIds.snappy ? mostSnappyRatio : mostRatio) + 64)
    throw new ParquetMalformed(`${bytes.length} bytes cannot become ${size}`);
  let out: Uint8Array;
  try {
    out = decompressed(codec, bytes, size);
  } catch (error) {
    if (error instanceof ParquetUnsupported || error instanceof ParquetMalformed) throw error;
    throw new ParquetMalformed(`a page cannot be decompressed: ${errorMessage(error)}`, { cause: error });
  }
  if (out.length !== size) throw new ParquetMalformed(`a page has ${out.length} bytes, not ${size}`);
  return Buffer.from(out.buffer, out.byteOffset, out.length);
}

function decompressed(codec: number, bytes: Buffer, size: number): Uint8Array {
  const limit = { maxOutputLength: Math.max(1, size) };
  switch (codec) {
    case codecIds.snappy:
      checkSnappy(bytes, size);
      return uncompressSync(bytes) as Buffer;
    case codecIds.gzip:
      return gunzipSync(bytes, limit);
    case codecIds.brotli:
      return brotliDecompressSync(bytes, limit);
    case codecIds.lz4:
      return compressors.LZ4!(bytes, size);
    case codecIds.zstd:
      checkZstd(bytes, size);
      return compressors.ZSTD!(bytes, size);
    case codecIds.lz4_raw:
      return compressors.LZ4_RAW!(bytes, size);
    default:
      throw new ParquetUnsupported(`the compression ${codecWithId(codec) ?? codec}`);
  }
}

/** It begins with its length, for which memory is taken. */
function checkSnappy(bytes: Buffer, size: number): void {
  let length = 0;
  for (let i = 0; i < 5; i++) {
    const byte = bytes[i] ?? 0;
    length += (byte & 127) * 128 ** i;
    if (byte < 128) break;
  }
  if (length !== size) throw new ParquetMalformed(`a page would have ${length} bytes, not ${size}`);
}

/** As snappy. https://www.rfc-editor.org/rfc/rfc8878#section-3.1.1.1 */
function checkZstd(bytes: Buffer, size: number): void {
  const descriptor = bytes[4] ?? 0;
  const isSingle = (descriptor & 32) !== 0;
  const sizeBytes = [isSingle ? 1 : 0, 2, 4, 8][descriptor >> 6]!;
  const at = 5 + (isSingle ? 0 : 1) + [0, 1, 2, 4][descriptor & 3]!;
  if (sizeBytes === 0) return;
  const length =
    sizeBytes === 8
      ? Number(bytes.readBigUInt64LE(at))
      : bytes.readUIntLE(at, sizeBytes) + (sizeBytes === 2 ? 256 : 0);
  if (length !== size) throw new ParquetMalformed(`a page would have ${length} bytes, not ${size}`);
}
