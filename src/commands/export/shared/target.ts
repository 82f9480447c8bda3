import { tmpdir } from 'node:os';
import { resolve } from 'node:path';

import { parseS3Url, s3Scheme } from '../../../lib/clients/s3/url.js';
import { graceMs, withGrace } from '../../../lib/core/abort.js';
import { systemClock } from '../../../lib/core/clock.js';
import { FolderTarget } from '../../../lib/export/folder-target.js';
import type { Target } from '../../../lib/export/target.js';
import type { Context } from '../../../runtime/context.js';
import { flag } from '../../../runtime/flags.js';
import type { Settings } from '../../../runtime/settings.js';

/** Where a dataset is written. */
export const targetFlags = {
  to: flag.text({ placeholder: 'FOLDER|S3-URL', help: 'the dataset: a folder, or s3://BUCKET/PREFIX' }),
  s3Endpoint: flag.forSetting('s3.endpoint', { help: 'a store that speaks S3, instead of AWS' }),
  s3Region: flag.forSetting('s3.region', { help: 'region of the bucket', placeholder: 'REGION' }),
};

/** @throws UserError `URL_INVALID`, `S3_CREDENTIALS_MISSING` */
export async function chooseTarget(to: string, settings: Settings, context: Context): Promise<Target> {
  if (!to.startsWith(s3Scheme)) return new FolderTarget(resolve(context.cwd, to));
  // A folder needs none of it: what signs requests takes as long to load as all that writes Parquet.
  const [{ S3Bucket }, { S3Target }] = await Promise.all([
    import('../../../lib/clients/s3/bucket.js'),
    import('../../../lib/export/s3-target.js'),
  ]);
  const location = parseS3Url(to);
  const { signal, env } = context;
  const clock = systemClock;
  const bucket = await S3Bucket.open(location.bucket, settings.s3 ?? {}, settings, { env, signal, clock });
  context.closing(() => bucket.close());
  const grace = withGrace(signal, graceMs);
  return new S3Target(bucket, location, { clock, temporaryFolder: tmpdir(), signal, grace });
}
