import { UserError } from '../../core/errors.js';
import { encodeText } from '../../core/url.js';
import { type AwsCredentials, awsCredentials, type AwsKeys, awsVariable } from '../aws/credentials.js';
import type { TlsSettings } from '../settings.js';

export interface S3Settings extends TlsSettings, AwsKeys {
  readonly endpoint?: string | undefined;
  readonly region?: string | undefined;
  readonly pathStyle?: boolean | undefined;
}

/** Where a bucket is, and as whom it is used. */
export interface S3Access {
  readonly base: URL;
  /** Before each key, encoded: `/bucket/` or `/`. */
  readonly root: string;
  readonly region: string;
  readonly credentials: AwsCredentials;
}

/**
 * What the configuration says goes first, then the variables that AWS's own tools read (`AWS_ENDPOINT_URL_S3`,
 * `AWS_REGION`, `AWS_ACCESS_KEY_ID` …).
 * @throws UserError `S3_CREDENTIALS_MISSING`, `S3_ENDPOINT`
 */
export function s3Access(bucket: string, settings: S3Settings, env: NodeJS.ProcessEnv): S3Access {
  const said = (name: string) => awsVariable(env, name);
  const endpoint = settings.endpoint ?? said('AWS_ENDPOINT_URL_S3') ?? said('AWS_ENDPOINT_URL');
  const region = settings.region ?? said('AWS_REGION') ?? said('AWS_DEFAULT_REGION') ?? 'us-east-1';
  // A certificate for *.s3.amazonaws.com is not for names with more dots.
  const inPath = settings.pathStyle ?? (endpoint !== undefined || bucket.includes('.'));
  const base = baseOf(endpoint ?? `https://s3.${region}.amazonaws.com`);
  if (!inPath) base.hostname = `${bucket}.${base.hostname}`;
  return {
    base,
    root: inPath ? `/${encodeKey(bucket)}/` : '/',
    region,
    credentials: awsCredentials(settings, env, {
      service: 'S3',
      settings: 's3.accessKeyId and s3.secretAccessKey',
    }),
  };
}

function baseOf(endpoint: string): URL {
  const base = URL.canParse(endpoint) ? new URL(endpoint) : undefined;
  if (base === undefined || !/^https?:$/.test(base.protocol) || base.pathname !== '/')
    throw new UserError('the endpoint of S3 is not a URL with a host alone', {
      code: 'S3_ENDPOINT',
      hint: 'Check AWS_ENDPOINT_URL_S3: http://HOST:PORT or https://HOST.',
    });
  return base;
}

/** A key as a path has it, by RFC 3986; slashes stay. */
export function encodeKey(key: string): string {
  return key.split('/').map(encodeText).join('/');
}
