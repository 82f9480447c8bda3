/** Whether readers pass over a file: Spark, Hive, DuckDB and pyarrow do where a part of its path begins with `_` or `.`. */
export function isHidden(path: string): boolean {
  return /(^|\/)[._]/.test(path);
}

/** Whether readers take a file for data. @param path from the dataset's root, with slashes */
export function isDataFile(path: string): boolean {
  return /\.(parquet|orc)$/i.test(path) && !isHidden(path);
}
