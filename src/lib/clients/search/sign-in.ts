import { createHash } from 'node:crypto';

import aws4 from 'aws4';

import { agreed, readUrl, type UrlParts } from '../../core/url.js';
import { basicAuthorization } from '../../http/authorization.js';
import { serviceUrl } from '../../http/url-shapes.js';
import { type AwsCredentials, awsCredentials } from '../aws/credentials.js';
import type { SearchSettings } from './settings.js';

export interface Unsigned {
  readonly method: string;
  /** With its port, where that is not the usual one. */
  readonly host: string;
  /** With its query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Buffer | undefined;
}

/** How requests say who sends them. */
export interface SignIn {
  /** The setting that says it; undefined when nobody signs in. */
  readonly by: 'url' | 'username' | 'apiKey' | 'token' | 'awsRegion' | undefined;
  /** Whatever must not be seen of it. */
  readonly secrets: readonly string[];
  /** @returns the request's headers, with those that sign it in */
  headers(request: Unsigned): Record<string, string>;
}

/**
 * The settings with the credentials that the variables of AWS have, where requests are signed and the settings have none.
 * @throws UserError `AWS_CREDENTIALS_MISSING`
 */
export function withAwsVariables(settings: SearchSettings, env: NodeJS.ProcessEnv): SearchSettings {
  if (settings.awsRegion === undefined) return settings;
  const { accessKeyId, secretAccessKey, sessionToken } = credentialsOf(settings, env);
  return {
    ...settings,
    awsAccessKeyId: accessKeyId,
    awsSecretAccessKey: secretAccessKey,
    awsSessionToken: sessionToken,
  };
}

/** @param settings without contradictions @throws UserError `URL_INVALID`, `AWS_CREDENTIALS_MISSING` */
export function signInOf(settings: SearchSettings): SignIn {
  const { apiKey, token, awsRegion } = settings;
  if (awsRegion !== undefined) return signature(awsRegion, settings);
  if (apiKey !== undefined) return fixed('apiKey', `ApiKey ${apiKey}`, [apiKey]);
  if (token !== undefined) return fixed('token', `Bearer ${token}`, [token]);
  const login = loginOf(settings);
  const basic = basicAuthorization(login);
  if (basic === undefined) return fixed(undefined, undefined, []);
  return fixed(settings.username === undefined ? 'url' : 'username', basic, [login.password ?? '']);
}

/** The user that the URLs have, else that of the settings. @throws UserError `URL_INVALID` */
export function loginOf({
  urls,
  username,
  password,
}: SearchSettings): Pick<UrlParts, 'username' | 'password'> {
  const logins = urls.map((url) => readUrl(url, serviceUrl));
  return {
    username: agreed(logins, 'username', 'users') ?? username,
    password: agreed(logins, 'password', 'passwords') ?? password,
  };
}

function fixed(by: SignIn['by'], authorization: string | undefined, secrets: readonly string[]): SignIn {
  return {
    by,
    secrets: [...secrets, authorization ?? ''],
    headers: ({ headers }) => (authorization === undefined ? { ...headers } : { ...headers, authorization }),
  };
}

/**
 * Signatures of AWS, version 4. OpenSearch Serverless wants the hash of the body as a header, and no signed length
 * (its "Signing HTTP requests with other clients").
 */
function signature(region: string, settings: SearchSettings): SignIn {
  const credentials = credentialsOf(settings, {});
  const service = settings.awsService ?? 'es';
  return {
    by: 'awsRegion',
    secrets: [credentials.secretAccessKey, credentials.sessionToken ?? ''],
    headers({ method, host, path, headers, body = '' }) {
      const hash = createHash('sha256').update(body).digest('hex');
      const request = {
        ...{ service, region, method, host, path, body },
        headers: { ...headers, host, 'x-amz-content-sha256': hash },
        // The types leave it out.
        extraHeadersToIgnore: { 'content-length': true },
      };
      return aws4.sign(request, credentials).headers as Record<string, string>;
    },
  };
}

function credentialsOf(settings: SearchSettings, env: NodeJS.ProcessEnv): AwsCredentials {
  const { awsAccessKeyId: accessKeyId, awsSecretAccessKey: secretAccessKey } = settings;
  return awsCredentials({ accessKeyId, secretAccessKey, sessionToken: settings.awsSessionToken }, env, {
    service: 'AWS',
    settings: 'elasticsearch.awsAccessKeyId and elasticsearch.awsSecretAccessKey',
  });
}
