import { ServiceRefused, ServiceUnavailable, UserError } from '../../core/errors.js';
import { excerpt } from '../../http/excerpt.js';
import { elementText } from './xml.js';

/** An answer of S3 that is not a success. */
export interface S3Refusal {
  readonly status: number;
  /** `NoSuchBucket`; the status where the answer has none, as to HEAD. */
  readonly code: string;
  readonly message: string;
  /** Of the bucket, where S3 says that it is another one. */
  readonly region: string | undefined;
}

export function readRefusal(
  status: number,
  headers: Readonly<Record<string, string | string[] | undefined>>,
  body: string,
): S3Refusal {
  const region = headers['x-amz-bucket-region'];
  return {
    status,
    code: elementText(body, 'Code') ?? `HTTP ${status}`,
    message: excerpt(elementText(body, 'Message') ?? ''),
    region: typeof region === 'string' ? region : elementText(body, 'Region'),
  };
}

const transientCodes = new Set([
  'SlowDown',
  'InternalError',
  'RequestTimeout',
  'ServiceUnavailable',
  'OperationAborted',
]);

/** Whether the same request may succeed in a moment. */
export function isTransient({ status, code }: S3Refusal): boolean {
  // 501 is for good: the store does not have it.
  return transientCodes.has(code) || status === 429 || (status >= 500 && status !== 501);
}

/**
 * What a refusal means to a person.
 * @param name `S3 at HOST`
 * @param what was asked: `write s3://bucket/key`
 */
export function refusalError(name: string, bucket: string, what: string, refusal: S3Refusal): UserError {
  const { code, status, message, region } = refusal;
  const said = message === '' ? code : `${code}: ${message}`;
  const refused = (hint: string, problem = `${name} refused to ${what} (${said})`) =>
    new ServiceRefused(problem, { hint, code: 'S3_REFUSED' });
  switch (code) {
    case 'NoSuchBucket':
      return new UserError(`there is no bucket '${bucket}' in ${name}`, {
        code: 'S3_NO_BUCKET',
        hint: 'Create it, or check its name, and s3.endpoint.',
      });
    case 'RequestTimeTooSkewed':
      return refused('Set the clock of this host (chronyc tracking shows how far it is off).');
    case 'SignatureDoesNotMatch':
      return refused('Check the secret access key, and that no proxy changes paths or headers.');
    case 'InvalidAccessKeyId':
      return refused('Check the access key, and that it is one of this endpoint.');
    case 'ExpiredToken':
    case 'InvalidToken':
    case 'TokenRefreshRequired':
      return refused('Get new temporary credentials.');
    case 'PermanentRedirect':
    case 'AuthorizationHeaderMalformed':
    case 'IllegalLocationConstraintException':
      return refused(
        region === undefined ? 'Check s3.region, and s3.endpoint.' : `Set s3.region to ${region}.`,
        region === undefined ? undefined : `the bucket '${bucket}' is in the region ${region}`,
      );
    case 'QuotaExceeded':
    case 'XMinioStorageFull':
      return refused('Make room in the store, and run it again.');
    case 'NotImplemented':
      return refused(
        'metrify needs multipart uploads and conditional writes (If-None-Match): AWS, MinIO, Ceph and Cloudflare R2 have both.',
      );
  }
  if (status === 403)
    return refused(
      `Allow s3:GetObject, s3:PutObject, s3:DeleteObject, s3:AbortMultipartUpload, s3:ListMultipartUploadParts, s3:ListBucket and s3:ListBucketMultipartUploads on '${bucket}'.`,
    );
  if (status === 401) return refused('Check the credentials.');
  return isTransient(refusal)
    ? new ServiceUnavailable(`${name} cannot ${what} now (${said})`, { hint: 'Run it again later.' })
    : new ServiceUnavailable(`${name} did not ${what} (${said})`);
}
