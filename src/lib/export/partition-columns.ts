import { plainValue } from '../columnar/plain-text.js';
import { ValueUnfit } from '../columnar/rows/unfit.js';
import { typeName } from '../columnar/type-name.js';
import type { Schema, ScalarType } from '../columnar/type.js';
import type { Manifest } from './manifest.js';
import { partitionValues } from './read/partition-values.js';

/**
 * The columns of partitions for the manifest. A type stands there only if it has all values of the folders, so that whoever reads
 * the manifest can count on it: `infinity` makes a column of dates text.
 * @param types of the columns in the query
 * @param paths of all files
 */
export function partitionColumns(types: Schema, paths: readonly string[]): Manifest['columns'] {
  const values = types.map(() => new Set<string>());
  for (const path of paths)
    for (const [i, { value }] of partitionValues(path).entries()) if (value !== null) values[i]?.add(value);
  return types.map(({ name, type }, i) => ({
    name,
    type: 'meaning' in type && [...values[i]!].every((value) => isOf(type, value)) ? typeName(type) : 'text',
  }));
}

function isOf(type: ScalarType, value: string): boolean {
  try {
    plainValue(value, type);
    return true;
  } catch (error) {
    if (error instanceof ValueUnfit) return false;
    throw error;
  }
}
