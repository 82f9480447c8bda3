import { dirname } from 'node:path/posix';

import { UserError } from '../core/errors.js';

/** Hive's name of a partition whose value is null. */
export const nullName = '__HIVE_DEFAULT_PARTITION__';
/** What Hive, Spark and Trino write as %XX in a partition's name. Spaces and + stay as they are. */
const escaped = /[^\P{Cc}\x80-\x9f]|["#%'*/:=?\\{[\]^]/gu;
/** Of the file systems that there are. */
const longestName = 255;

/**
 * The folder of a partition: `sensor_type=power/month=2026-01`.
 * @throws UserError `PARTITION_VALUE` for an empty text, which readers take for null, and for one that is too long
 */
export function partitionPath(names: readonly string[], values: readonly (string | null)[]): string {
  return names.map((name, i) => folderName(name, values[i]!)).join('/');
}

/** The partition of a file, by its path from the dataset's root; an empty text without partitions. */
export function folderOf(path: string): string {
  const folder = dirname(path);
  return folder === '.' ? '' : folder;
}

function folderName(name: string, value: string | null): string {
  if (value === '')
    throw new UserError(`the partition column '${name}' holds an empty text, which readers take for null`, {
      code: 'PARTITION_VALUE',
      hint: `Give it another value in the query: nullif(${name}, '').`,
    });
  const folder = `${escape(name)}=${value === null ? nullName : escape(value)}`;
  if (Buffer.byteLength(folder) > longestName)
    throw new UserError(
      `the partition column '${name}' holds a text of ${value!.length} characters, too many for the name of a folder`,
      { code: 'PARTITION_VALUE', hint: 'Partition by something shorter.' },
    );
  return folder;
}

function escape(text: string): string {
  return text.replace(
    escaped,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  );
}

/** What readers that guess take for a number, a date, a time or a boolean. */
const typed =
  /^([+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?|\d{4}-\d{2}(-\d{2})?([ T]\d{2}:\d{2}(:\d{2}(\.\d+)?)?)?|true|false|nan|[+-]?inf(inity)?)$/i;

/**
 * Warnings about columns of text whose values readers turn into something else.
 * @param columns of text
 * @param paths of a dataset's files
 */
export function guessedValues(columns: readonly string[], paths: readonly string[]): string[] {
  return columns.flatMap((column) => {
    const prefix = `${escape(column)}=`;
    const values = paths.flatMap((path) => {
      const folder = path.split('/').find((part) => part.startsWith(prefix));
      return folder === undefined ? [] : [decodeURIComponent(folder.slice(prefix.length))];
    });
    const found = values.find((value) => typed.test(value));
    if (found === undefined) return [];
    return [
      `the partition column '${column}' is text, and readers that guess types take '${found}' for something else; it stays ` +
        `text in DuckDB with hive_types = {'${column}': varchar}, in Spark with ` +
        'spark.sql.sources.partitionColumnTypeInference.enabled=false, in pyarrow with a schema of the partitioning',
    ];
  });
}
