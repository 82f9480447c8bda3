import { dirname } from 'node:path/posix';

import { nullName } from '../partition-path.js';

/** A column that is in the names of folders. */
export interface PartitionValue {
  readonly name: string;
  readonly value: string | null;
}

/**
 * What the folders of a file say: `sensor_type=power/month=2026-01`. Folders with other names say nothing.
 * @param path from the dataset's root
 */
export function partitionValues(path: string): PartitionValue[] {
  const folder = dirname(path);
  if (folder === '.') return [];
  return folder.split('/').flatMap((part) => {
    const at = part.indexOf('=');
    if (at < 1) return [];
    const value = part.slice(at + 1);
    return [{ name: unescape(part.slice(0, at)), value: value === nullName ? null : unescape(value) }];
  });
}

/** Hive escapes characters of ASCII only; others, such as Arrow, the bytes of UTF-8. */
function unescape(text: string): string {
  return text.replace(/(?:%[0-9a-f]{2})+/gi, (escapes) => {
    const bytes = Buffer.from(escapes.replaceAll('%', ''), 'hex');
    const decoded = bytes.toString();
    return decoded.includes('\ufffd') ? bytes.toString('latin1') : decoded;
  });
}
