import { UserError } from '../core/errors.js';

/** Hive's name of a partition whose value is null. */
const nullName = '__HIVE_DEFAULT_PARTITION__';
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
