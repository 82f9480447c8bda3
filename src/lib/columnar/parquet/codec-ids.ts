/** Numbers of compressions in parquet.thrift, with the names that readers show. */
export const codecIds = {
  none: 0,
  snappy: 1,
  gzip: 2,
  lzo: 3,
  brotli: 4,
  lz4: 5,
  zstd: 6,
  lz4_raw: 7,
} as const;

/** @returns undefined for a number that parquet.thrift does not have */
export function codecWithId(id: number): keyof typeof codecIds | undefined {
  return (Object.keys(codecIds) as (keyof typeof codecIds)[]).find((name) => codecIds[name] === id);
}
