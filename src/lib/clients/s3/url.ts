import { UserError } from '../../core/errors.js';

export interface S3Location {
  readonly bucket: string;
  /** Without slashes at its ends; '' is the whole bucket. */
  readonly prefix: string;
}

export const s3Scheme = 's3://';

/**
 * Reads `s3://bucket/prefix`. A prefix is as it is written: nothing in it is an escape.
 * @throws UserError `URL_INVALID`
 */
export function parseS3Url(text: string): S3Location {
  const [, bucket, path = ''] = /^s3:\/\/([^/]*)(?:\/([^]*))?$/.exec(text) ?? [];
  if (bucket === undefined || !/^[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]$/.test(bucket))
    throw new UserError('the target is not a URL with the name of a bucket', {
      code: 'URL_INVALID',
      hint: 'Give s3://BUCKET/PREFIX. Credentials and the endpoint are not part of it.',
    });
  const prefix = path.replace(/^\/+|\/+$/g, '');
  const steps = prefix.split('/');
  // Clients of S3 take such steps for folders, and go elsewhere.
  // eslint-disable-next-line no-control-regex -- these are meant
  if (steps.some((step) => step === '.' || step === '..') || /\/\/|[\x00-\x1f\x7f]/.test(prefix))
    throw new UserError(
      'the prefix of the target has an empty step, a step . or .., or a control character',
      {
        code: 'URL_INVALID',
        hint: 'Give s3://BUCKET/PREFIX.',
      },
    );
  return { bucket, prefix };
}
