import { resolve } from 'node:path';

import { s3Scheme } from '../../clients/s3/url.js';
import { UserError } from '../../core/errors.js';

/**
 * The absolute path of a dataset that is read.
 * @param folder that the path is relative to; default: the process's
 * @throws UserError `S3_UNREAD` for a URL of S3, where datasets are only written
 */
export function datasetFolder(path: string, folder = ''): string {
  if (!path.startsWith(s3Scheme)) return resolve(folder, path);
  throw new UserError(`${path} is in S3, and only folders and files are read`, {
    code: 'S3_UNREAD',
    hint: `Copy it to a folder: aws s3 cp --recursive ${path} dataset. Or let DuckDB read it.`,
  });
}
