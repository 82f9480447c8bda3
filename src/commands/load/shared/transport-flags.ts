import { buffer } from 'node:stream/consumers';
import { createSecureContext } from 'node:tls';

import { errorMessage, UserError } from '../../../lib/core/errors.js';
import { readText, readWhole } from '../../../lib/core/input-file.js';
import { isSecretName } from '../../../lib/core/secrets/named-values.js';
import { unreadable } from '../../../lib/core/unreadable.js';
import type { EngineJob, Target } from '../../../lib/load/job.js';
import { parseHeader, type RequestText, token } from '../../../lib/load/request.js';
import { parseResolve } from '../../../lib/load/resolve-override.js';
import { parseShortfall } from '../../../lib/load/shortfall.js';
import type { Context } from '../../../runtime/context.js';
import { flag, type FlagValues } from '../../../runtime/flags.js';

/** How requests are sent. */
export const transportFlags = {
  http2: flag.boolean('HTTP/2: by ALPN with https, with prior knowledge (h2c) without'),
  insecure: flag.boolean('certificates are not verified'),
  cacert: flag.file({ access: 'read', help: 'PEM file with the authorities to trust' }),
  cert: flag.file({ access: 'read', help: 'PEM file with the certificate that is shown to the server' }),
  key: flag.file({ access: 'read', help: 'PEM file with its private key' }),
  unixSocket: flag.parsed('PATH', (text) => text, {
    help: 'connect to this Unix socket; the URL says the Host header',
  }),
  resolve: flag.each('HOST:PORT:ADDRESS,…', parseResolve, {
    help: 'connect to these addresses in turn, instead of those of the name',
  }),
  resolveInterval: flag.duration({
    help: 'how old the addresses of a name may become before a new connection looks them up again',
    default: '30s',
  }),
  noTrace: flag.boolean('send no traceparent header'),
  abortOnShortfall: flag.parsed("'SHARE for DURATION'", parseShortfall, {
    help: "stop an open loop that does not keep its rate: '10% for 5s'",
  }),
};

/** What one request says, where the URL is all that there is of a scenario. */
export const requestFlags = {
  method: flag.parsed('METHOD', method, { help: 'its method (default: GET, with a body POST)' }),
  header: flag.each("'NAME: VALUE'", publicHeader, {
    help: 'a header; secrets come from --header-file or --header-env',
  }),
  headerFile: flag.file({ access: 'read', help: 'headers, one a line' }),
  headerEnv: flag.each('NAME=VARIABLE', headerVariable, {
    help: 'a header whose value is that of an environment variable',
  }),
  bodyFile: flag.file({ access: 'read', help: 'the body; - is standard input' }),
};

type TransportInput = FlagValues<typeof transportFlags>;
type RequestInput = FlagValues<typeof requestFlags>;

/** The targets as the flags want them. @throws UserError */
export async function targetsWith(targets: readonly Target[], input: TransportInput): Promise<Target[]> {
  const { http2, unixSocket, resolve } = input;
  const isOf = ({ host, port }: Override, target: Target) =>
    host === target.host.toLowerCase() && port === target.port;
  const unused = resolve.find((override) => !targets.some((target) => isOf(override, target)));
  if (unused)
    throw new UserError(`--resolve says addresses of ${unused.host}:${unused.port}, which is not requested`, {
      hint: `Requests go to ${targets.map(({ host, port }) => `${host}:${port}`).join(', ')}.`,
    });
  if (unixSocket !== undefined && resolve.length > 0)
    throw new UserError('--unix-socket and --resolve exclude each other', { hint: 'Leave one out.' });
  const tls = await tlsOf(targets, input);
  return targets.map((target) => {
    const addresses = resolve.filter((override) => isOf(override, target)).flatMap((one) => one.addresses);
    return {
      ...target,
      ...(http2 && { http2 }),
      ...(unixSocket !== undefined && { socketPath: unixSocket }),
      ...(addresses.length > 0 && { addresses }),
      ...(target.tls && { tls: { ...target.tls, ...tls } }),
    };
  });
}

type Override = TransportInput['resolve'][number];

/** Of a plan, what is the same for all targets. */
export function transportOf(
  input: TransportInput,
): Pick<EngineJob, 'resolveEveryMs' | 'trace' | 'abortOnShortfall'> {
  const { resolveInterval, noTrace, abortOnShortfall } = input;
  return {
    resolveEveryMs: resolveInterval,
    ...(noTrace && { trace: false }),
    ...(abortOnShortfall && { abortOnShortfall }),
  };
}

/** The request that the flags describe. @throws UserError */
export async function requestOf(
  input: RequestInput & Pick<TransportInput, 'noTrace'>,
  { env, terminal }: Pick<Context, 'env' | 'terminal'>,
): Promise<RequestText> {
  const { bodyFile } = input;
  const body =
    bodyFile === undefined
      ? undefined
      : bodyFile === '-'
        ? await buffer(terminal.stdin)
        : await reading(bodyFile, () => readWhole(bodyFile));
  const chosen = input.method ?? (body === undefined ? 'GET' : 'POST');
  if (body !== undefined && (chosen === 'HEAD' || chosen === 'TRACE'))
    throw new UserError(`a ${chosen} request has no body`, { hint: 'Leave --body-file out.' });
  const headers = [
    ...input.header,
    ...(input.headerFile === undefined ? [] : await headersOf(input.headerFile)),
    ...input.headerEnv.map(({ name, variable }) => parseHeader(`${name}: ${valueOf(variable, env)}`)),
  ];
  if (!input.noTrace && headers.some(([name]) => name.toLowerCase() === 'traceparent'))
    throw new UserError('every request has its own traceparent', {
      hint: 'Give --no-trace to send yours.',
    });
  return { method: chosen, headers, ...(body && { body }) };
}

async function headersOf(path: string): Promise<[string, string][]> {
  const text = await reading(path, () => readText(path));
  return text
    .split(/\r?\n/)
    .filter((line) => line.trim() !== '' && !line.startsWith('#'))
    .map(parseHeader);
}

async function tlsOf(
  targets: readonly Target[],
  input: TransportInput,
): Promise<Partial<NonNullable<Target['tls']>>> {
  const { insecure, cacert, cert, key } = input;
  const given = Object.entries({ insecure, cacert, cert, key }).find(([, value]) => value);
  if (!targets.some(({ tls }) => tls)) {
    if (given)
      throw new UserError(`--${given[0]} means nothing without TLS`, {
        hint: 'Write the URL with https://.',
      });
    return {};
  }
  if ((cert === undefined) !== (key === undefined))
    throw new UserError('--cert and --key go together', { hint: 'Give both, or none.' });
  const pem = (path: string | undefined) =>
    path === undefined ? undefined : reading(path, () => readText(path));
  const [ca, certificate, privateKey] = [await pem(cacert), await pem(cert), await pem(key)];
  const files = {
    ...(ca !== undefined && { ca }),
    ...(certificate !== undefined && { cert: certificate }),
    ...(privateKey !== undefined && { key: privateKey }),
  };
  try {
    createSecureContext(files);
  } catch (error) {
    throw new UserError(`the certificates cannot be used: ${errorMessage(error)}`, {
      code: 'TLS_FILES',
      hint: 'Give --cacert, --cert and --key PEM files, and a key without a passphrase that belongs to the certificate.',
    });
  }
  return { verify: !insecure, ...files };
}

function method(text: string): string {
  if (token.test(text) && text !== 'CONNECT') return text.toUpperCase();
  throw new UserError(`'${text}' is not a method that can be sent`, { hint: 'Give one like GET or POST.' });
}

/** The process list shows it to everybody. */
function publicHeader(text: string): [string, string] {
  const header = parseHeader(text);
  if (isSecretName(header[0]))
    throw new UserError(`the header ${header[0]} is a secret, and everybody sees what is typed`, {
      hint: 'Write it to a file and give --header-file, or give --header-env with a variable that holds it.',
    });
  return header;
}

function headerVariable(text: string): { name: string; variable: string } {
  const [, name, variable] = /^([^=]+)=([A-Za-z_]\w*)$/.exec(text) ?? [];
  if (name === undefined || variable === undefined || !token.test(name))
    throw new UserError(`'${text}' is not NAME=VARIABLE`, {
      hint: 'Write it like Authorization=API_TOKEN: the header, and the variable that holds its value.',
    });
  return { name, variable };
}

function valueOf(variable: string, env: NodeJS.ProcessEnv): string {
  const value = env[variable];
  if (value === undefined || value === '')
    throw new UserError(`the environment variable ${variable} is not set`, {
      hint: `Set it before the run: export ${variable}=…`,
    });
  return value;
}

async function reading<T>(path: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    throw unreadable(path, error);
  }
}
