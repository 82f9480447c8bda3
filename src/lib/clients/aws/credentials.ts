import { UserError } from '../../core/errors.js';

export interface AwsKeys {
  readonly accessKeyId?: string | undefined;
  readonly secretAccessKey?: string | undefined;
  readonly sessionToken?: string | undefined;
}

export interface AwsCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Of temporary credentials. */
  readonly sessionToken?: string;
}

/**
 * What the configuration says goes first, then the variables that AWS's own tools read. The parts come from one place.
 * @param service for messages: `S3`
 * @param settings for the hint: `s3.accessKeyId and s3.secretAccessKey`
 * @throws UserError `<service>_CREDENTIALS_MISSING`
 */
export function awsCredentials(
  configured: AwsKeys,
  env: NodeJS.ProcessEnv,
  { service, settings }: { readonly service: string; readonly settings: string },
): AwsCredentials {
  const isConfigured = configured.accessKeyId !== undefined || configured.secretAccessKey !== undefined;
  const { accessKeyId, secretAccessKey, sessionToken } = isConfigured ? configured : awsKeysOf(env);
  if (accessKeyId !== undefined && secretAccessKey !== undefined)
    return { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) };
  const isHalf = accessKeyId !== undefined || secretAccessKey !== undefined;
  throw new UserError(`${isHalf ? 'half of the credentials' : 'no credentials'} for ${service} were given`, {
    code: `${service.toUpperCase()}_CREDENTIALS_MISSING`,
    hint: `Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or ${settings} in the configuration.`,
  });
}

function awsKeysOf(env: NodeJS.ProcessEnv): AwsKeys {
  return {
    accessKeyId: awsVariable(env, 'AWS_ACCESS_KEY_ID'),
    secretAccessKey: awsVariable(env, 'AWS_SECRET_ACCESS_KEY'),
    sessionToken: awsVariable(env, 'AWS_SESSION_TOKEN'),
  };
}

/** A variable that is set to nothing is not set. */
export function awsVariable(env: NodeJS.ProcessEnv, name: string): string | undefined {
  return env[name] || undefined;
}
