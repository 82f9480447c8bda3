import { dirname } from 'node:path/posix';

import { UserError } from '../core/errors.js';

/** Hive's name of a partition whose value is null. */
const nullName = '__HIVE_DEFAULT_PARTITION__';
/** What Hive, Spark and Trino write as %XX in a partition's name. Spaces and + stay as they are. */
const escaped = /[^\P{Cc}\x80-\x9f]|["#%'*/:=?\\{[\]^]/gu;
/** Bytes that file systems take. */
const longestName = 255;

/** A column that is in the names of folders. */
export interface PartitionValue {
  readonly name: string;
  readonly value: string | null;
}

/** The partition of a file, by its path from the dataset's root; an empty text without partitions. */
export function folderOf(path: string): string {
  const folder = dirname(path);
  return folder === '.' ? '' : folder;
}

/**
 * The folder of a partition: `sensor_type=power/month=2026-01`.
 * @throws UserError `PARTITION_VALUE` for a text that readers take for null, and for one that is too long
 */
export function partitionPath(names: readonly string[], values: readonly (string | null)[]): string {
  return names.map((name, i) => folderName(name, values[i]!)).join('/');
}

/** What the names of folders say, also those of other writers. Folders with other names say nothing. */
export function parsePartition(folder: string): PartitionValue[] {
  return folder.split('/').flatMap((part) => {
    const at = part.indexOf('=');
    if (at < 1) return [];
    const value = part.slice(at + 1);
    return [{ name: unescape(part.slice(0, at)), value: value === nullName ? null : unescape(value) }];
  });
}

function folderName(name: string, value: string | null): string {
  if (value === '' || value === nullName)
    throw new UserError(
      `the partition column '${name}' holds ${value === '' ? 'an empty text' : `the text ${nullName}`}, which readers take for null`,
      { code: 'PARTITION_VALUE', hint: 'Write it as null, or as another text.' },
    );
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

/** Hive escapes characters of ASCII only; others, such as Arrow, the bytes of UTF-8. */
function unescape(text: string): string {
  return text.replace(/(?:%[0-9a-f]{2})+/gi, (escapes) => {
    const bytes = Buffer.from(escapes.replaceAll('%', ''), 'hex');
    const decoded = bytes.toString();
    return decoded.includes('\ufffd') ? bytes.toString('latin1') : decoded;
  });
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
    const values = paths.map(
      (path) => parsePartition(folderOf(path)).find(({ name }) => name === column)?.value,
    );
    const found = values.find((value) => typeof value === 'string' && typed.test(value));
    if (typeof found !== 'string') return [];
    return [
      `the partition column '${column}' is text, and readers that guess types take '${found}' for something else; it stays ` +
        `text in DuckDB with hive_types = {'${column}': varchar}, in Spark with ` +
        'spark.sql.sources.partitionColumnTypeInference.enabled=false, in pyarrow with a schema of the partitioning',
    ];
  });
}
