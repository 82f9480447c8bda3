import { UserError } from '../../core/errors.js';
import type { TlsSettings } from '../settings.js';

export interface S3Settings extends TlsSettings {
  readonly endpoint?: string | undefined;
  readonly region?: string | undefined;
  readonly pathStyle?: boolean | undefined;
  readonly accessKeyId?: string | undefined;
  readonly secretAccessKey?: string | undefined;
  readonly sessionToken?: string | undefined;
}

export interface S3Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/** Where a bucket is, and as whom it is used. */
export interface S3Access {
  readonly base: URL;
  /** Before each key, encoded: `/bucket/` or `/`. */
  readonly root: string;
  readonly region: string;
  readonly credentials: S3Credentials;
}

/**
 * What the configuration says goes first, then the variables that AWS's own tools read (`AWS_ENDPOINT_URL_S3`,
 * `AWS_REGION`, `AWS_ACCESS_KEY_ID` …). The parts of credentials come from one place.
 * @throws UserError `S3_CREDENTIALS_MISSING`, `S3_ENDPOINT`
 */
export function s3Access(bucket: string, settings: S3Settings, env: NodeJS.ProcessEnv): S3Access {
  // A variable that is set to nothing is not set.
  const said = (name: string) => env[name] || undefined;
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
    credentials: credentialsOf(settings, said),
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

function credentialsOf(
  { accessKeyId, secretAccessKey, sessionToken }: S3Settings,
  said: (name: string) => string | undefined,
): S3Credentials {
  const [id, key, token] =
    accessKeyId !== undefined || secretAccessKey !== undefined
      ? [accessKeyId, secretAccessKey, sessionToken]
      : [said('AWS_ACCESS_KEY_ID'), said('AWS_SECRET_ACCESS_KEY'), said('AWS_SESSION_TOKEN')];
  if (id !== undefined && key !== undefined)
    return { accessKeyId: id, secretAccessKey: key, ...(token === undefined ? {} : { sessionToken: token }) };
  const missing = id === undefined && key === undefined ? 'no credentials' : 'half of the credentials';
  throw new UserError(`${missing} for S3 were given`, {
    code: 'S3_CREDENTIALS_MISSING',
    hint: 'Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or s3.accessKeyId and s3.secretAccessKey in the configuration.',
  });
}

/** A key as a path has it, by RFC 3986; slashes stay. */
export function encodeKey(key: string): string {
  return key.split('/').map(encodeText).join('/');
}

export function encodeText(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
