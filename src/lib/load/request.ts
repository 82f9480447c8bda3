import { UserError } from '../core/errors.js';
import { readUrl } from '../core/url.js';
import { publicUrl } from '../http/url-shapes.js';
import type { PreparedRequest, Target } from './job.js';

export interface RequestText {
  readonly method: string;
  /** Beyond `Host`, `User-Agent` and `Content-Length`, which win when they are given. */
  readonly headers: readonly (readonly [string, string])[];
  readonly body?: Uint8Array;
}

/** @throws UserError `URL_INVALID` when it is not an http or https URL, or has a user or a password */
export function targetOf(text: string): {
  readonly target: Target;
  readonly path: string;
  readonly host: string;
} {
  try {
    readUrl(text, publicUrl);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw new UserError(`the URL ${error.message}`, {
      code: error.code,
      hint: error.hint ?? 'Give one like http://127.0.0.1:8080/path.',
    });
  }
  const url = new URL(text);
  const tls = url.protocol === 'https:';
  const host = url.hostname.replace(/^\[|\]$/g, '');
  return {
    target: {
      host,
      port: url.port === '' ? (tls ? 443 : 80) : Number(url.port),
      ...(tls && { tls: { servername: host, verify: true } }),
    },
    path: url.pathname + url.search,
    host: url.host,
  };
}

/** What a method or the name of a header consists of (RFC 9110, 5.6.2). */
export const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const safe = /^[\t\x20-\x7e\x80-\xff]*$/;

/** `Name: value`. @throws UserError when it would break out of its line */
export function parseHeader(text: string): [string, string] {
  const colon = text.indexOf(':');
  const [name, value] = [text.slice(0, Math.max(0, colon)).trim(), text.slice(colon + 1).trim()];
  // Its value may be a secret, also where the name is what is wrong.
  if (!token.test(name) || !safe.test(value))
    throw new UserError(
      token.test(name) ? `the header ${name} has a value that cannot be sent` : 'a header is not NAME: VALUE',
      { hint: "Write it like 'Accept: application/json'." },
    );
  return [name, value];
}

/** A request to the job's first target. */
export function prepare(
  name: string,
  path: string,
  host: string,
  { method, headers, body }: RequestText,
): PreparedRequest {
  const given = new Set(headers.map(([header]) => header.toLowerCase()));
  const needsLength = body !== undefined || /^(POST|PUT|PATCH)$/.test(method);
  const usual: readonly (readonly [string, string])[] = [
    ['Host', host],
    ['User-Agent', 'metrify'],
    ...(needsLength ? [['Content-Length', String(body?.length ?? 0)] as const] : []),
  ];
  return {
    name,
    target: 0,
    method,
    path,
    headers: [...usual.filter(([header]) => !given.has(header.toLowerCase())), ...headers],
    ...(body && { body }),
    readsBody: false,
  };
}
