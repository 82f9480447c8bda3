import type { ConnectionOptions } from 'node:tls';
import { UserError } from '../../core/errors.js';
import { readUrl, type UrlShape } from '../../core/url.js';
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

export const postgresSchemes = ['postgres', 'postgresql'];
const shape: UrlShape = {
  schemes: postgresSchemes,
  parts: ['login', 'path', 'query'],
  hostOptional: true,
};
const known = ['host', 'port', 'user', 'password', 'dbname', 'sslmode', 'sslrootcert', 'options'] as const;
/** Modes without TLS, and with it. */
const plain = ['disable', 'allow', 'prefer'];
const modes = [...plain, 'require', 'verify-ca', 'verify-full'];

type Parameter = (typeof known)[number];
/** What a URL says, before its files are read. */
type Said = Pick<PostgresTarget, 'host' | 'port' | 'user' | 'password' | 'database' | 'options'> & {
  sslmode: string | undefined;
  sslrootcert: string | undefined;
};

/** Reads `postgres://user:password@host:port/database?sslmode=…`. @throws UserError `URL_INVALID` */
export function parsePostgresUrl(text: string): Said {
  const parts = readUrl(text, shape);
  const { query } = parts;
  const names = [...query.keys()];
  const unknown = names.find((name) => !(known as readonly string[]).includes(name));
  if (unknown !== undefined) {
    // What follows a raw & in a password is none that may be shown.
    const shown = query.has('password') ? 'a parameter' : `the parameter '${unknown}'`;
    throw invalid(`is a URL with ${shown}, which is unknown`, `Known are ${known.join(', ')}.`);
  }
  const parameter = (name: Parameter) => query.get(name) || undefined;
  /** A part that may stand in two places. */
  const part = (name: Parameter, inUrl: string | undefined) => {
    const values = [...(inUrl ? [inUrl] : []), ...query.getAll(name)];
    if (new Set(values).size > 1) throw invalid(`is a URL that says ${name} twice`, 'Say it once.');
    return values[0] || undefined;
  };
  for (const name of known) part(name, undefined);
  const host = part('host', parts.host) ?? 'localhost';
  const port = Number(part('port', parts.port?.toString()) ?? 5432);
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    throw invalid('is a URL whose port is not from 1 to 65535', example);
  const user = part('user', parts.username);
  const sslmode = parameter('sslmode');
  if (sslmode !== undefined && !modes.includes(sslmode))
    throw invalid(
      `is a URL with sslmode=${sslmode}, which is unknown`,
      'Use disable, require, verify-ca or verify-full.',
    );
  const sslrootcert = parameter('sslrootcert');
  if (sslrootcert !== undefined && plain.includes(sslmode ?? 'verify-full'))
    throw invalid(`is a URL with sslrootcert, which means nothing with sslmode=${sslmode}`, 'Leave one out.');
  return {
    host,
    port,
    user,
    password: part('password', parts.password),
    database: part('dbname', parts.path) ?? user,
    options: parameter('options'),
    sslmode,
    sslrootcert,
  };
}

/**
 * Where the settings lead. Without `sslmode`, or with one that libpq would let fall back to plain text, there is no TLS;
 * from `require` on there is, and it is verified. Authorities ask for `verify-full`.
 *
 * @throws UserError `POSTGRES_URL_INVALID`, `TLS_CA_UNREADABLE`
 */
export async function postgresTarget(settings: PostgresSettings): Promise<PostgresTarget> {
  const { sslmode, sslrootcert, ...said } = named(settings.url);
  const { host, port, database } = said;
  const name = host.includes(':') ? `[${host}]` : host;
  return {
    ...said,
    tls: await tlsOptions(settings, { host, sslmode, sslrootcert }),
    label: `${name}:${port}${database === undefined ? '' : `/${database}`}`,
  };
}

function named(url: string): Said {
  try {
    return parsePostgresUrl(url);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw new UserError(`the PostgreSQL URL ${error.message}`, {
      code: 'POSTGRES_URL_INVALID',
      hint: error.hint ?? example,
    });
  }
}

const example = 'Write it like postgres://user@host:5432/database?sslmode=verify-full';

function invalid(message: string, hint: string): UserError {
  return new UserError(message, { code: 'URL_INVALID', hint });
}

async function tlsOptions(
  { tlsCa, tlsVerify }: PostgresSettings,
  { host, sslmode, sslrootcert }: Pick<Said, 'host' | 'sslmode' | 'sslrootcert'>,
): Promise<false | ConnectionOptions> {
  const authorities = tlsCa ?? sslrootcert;
  const mode = sslmode ?? (authorities === undefined ? 'prefer' : 'verify-full');
  if (plain.includes(mode) || host.startsWith('/')) return false;
  return {
    ...(authorities === undefined || authorities === 'system'
      ? {}
      : { ca: await readAuthorities(authorities, 'postgres.tlsCa') }),
    rejectUnauthorized: tlsVerify !== false,
    // verify-ca trusts the authority to sign for this server only, whatever name the certificate bears
    ...(mode === 'verify-ca' ? { checkServerIdentity: () => undefined } : {}),
  };
}
