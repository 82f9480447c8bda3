import * as zlib from 'node:zlib';

/** Levels above it cost more time than they save bytes. */
const level = 3;

/** Node has it from 22.15 on. */
interface WithZstd {
  readonly zstdCompressSync?: (bytes: Uint8Array) => Buffer;
}

/** The package has one instance, which a second initialization breaks. */
let loaded: ReturnType<typeof load> | undefined;

async function load() {
  const zstd = await import('@bokuweb/zstd-wasm');
  await zstd.init();
  return zstd;
}

/** Zstandard: Node's own, or WebAssembly, at the level 3 of both. @returns what compresses into one frame */
export async function openZstd(): Promise<(bytes: Buffer) => Buffer> {
  const { zstdCompressSync } = zlib as WithZstd;
  if (zstdCompressSync) return zstdCompressSync;
  const { compress } = await (loaded ??= load());
  return (bytes) => {
    const compressed = compress(bytes, level);
    return Buffer.from(compressed.buffer, compressed.byteOffset, compressed.length);
  };
}
