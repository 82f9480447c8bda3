import type { ConnectionOptions } from 'node:tls';
import { UserError } from '../../core/errors.js';
import { readAuthorities } from '../authorities.js';
import type { PostgresSettings } from '../settings.js';

/** Where a PostgreSQL is and how it is reached, as its URL says. */
export interface PostgresTarget {
  /** A host name, or the folder of a Unix socket. */
  host: string;
  port: number;
  user: string | undefined;
  password: string | undefined;
  database: string | undefined;
  /** Server settings given with `options=-c…`. */
  options: string | undefined;
  tls: false | ConnectionOptions;
  /** `host:port/database`, for messages: without user and password. */
  label: string;
}

const known = ['host', 'port', 'user', 'password', 'dbname', 'sslmode', 'sslrootcert', 'options'];

/**
 * Reads `postgres://user:password@host:port/database?sslmode=…`. Without `sslmode`, or with one that libpq would let
 * fall back to plain text, there is no TLS; from `require` on there is, and it is verified.
 *
 * @throws UserError `POSTGRES_URL_INVALID`
 */
export async function postgresTarget(settings: PostgresSettings): Promise<PostgresTarget> {
  const url = parseUrl(settings.url);
  const parameters = url.searchParams;
  const unknown = [...parameters.keys()].find((name) => !known.includes(name));
  if (unknown !== undefined)
    throw invalid(`its parameter '${unknown}' is unknown`, `Known are ${known.join(', ')}.`);
  const part = (name: string, inUrl: string) => parameters.get(name) ?? (decoded(inUrl) || undefined);
  const host = part('host', url.hostname.replace(/^\[(.*)\]$/, '$1')) ?? 'localhost';
  const port = Number(part('port', url.port) ?? 5432);
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    throw invalid('its port is no number from 1 to 65535', example);
  const user = part('user', url.username);
  const database = part('dbname', url.pathname.slice(1)) ?? user;
  return {
    host,
    port,
    user,
    password: part('password', url.password),
    database,
    options: parameters.get('options') ?? undefined,
    tls: await tlsOptions(settings, parameters, host),
    label: `${host.includes(':') ? `[${host}]` : host}:${port}${database === undefined ? '' : `/${database}`}`,
  };
}

const example = 'Write it like postgres://user@host:5432/database?sslmode=verify-full';

function invalid(reason: string, hint: string): UserError {
  return new UserError(`the PostgreSQL URL is not usable: ${reason}`, { code: 'POSTGRES_URL_INVALID', hint });
}

function parseUrl(text: string): URL {
  if (!/^postgres(?:ql)?:\/\//.test(text)) throw invalid('it does not start with postgres://', example);
  try {
    return new URL(text.replace('@/', '@localhost/')); // a user without a host: ?host= follows
  } catch {
    throw invalid('it is malformed', example); // never the parser's words: they repeat the password
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw invalid('it holds a % that is no escape', 'Write % as %25.');
  }
}

async function tlsOptions(
  settings: PostgresSettings,
  parameters: URLSearchParams,
  host: string,
): Promise<false | ConnectionOptions> {
  const mode = parameters.get('sslmode') ?? (settings.tlsCa === undefined ? 'prefer' : 'verify-full');
  if (!['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'].includes(mode))
    throw invalid(`sslmode=${mode} is unknown`, 'Use disable, require, verify-ca or verify-full.');
  if (['disable', 'allow', 'prefer'].includes(mode) || host.startsWith('/')) return false;
  const authorities = settings.tlsCa ?? parameters.get('sslrootcert') ?? undefined;
  return {
    ...(authorities === undefined || authorities === 'system'
      ? {}
      : { ca: await readAuthorities(authorities, 'postgres.tlsCa') }),
    rejectUnauthorized: settings.tlsVerify !== false,
    // verify-ca trusts the authority to sign for this server only, whatever name the certificate bears
    ...(mode === 'verify-ca' ? { checkServerIdentity: () => undefined } : {}),
  };
}
