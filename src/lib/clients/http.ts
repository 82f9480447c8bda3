import { withTimeout } from '../core/abort.js';
import { errorMessage, ServiceRefused, ServiceUnavailable, systemCode } from '../core/errors.js';
import { maskSecrets } from '../core/redact.js';
import { formatBytes, formatDuration } from '../core/units.js';
import type { HttpSettings, Timeouts } from './settings.js';

export interface HttpAnswer {
  readonly status: number;
  readonly text: string;
}

/** The code of the ServiceUnavailable that an answer beyond `maxBytes` ends in. */
export const ANSWER_TOO_LARGE = 'ANSWER_TOO_LARGE';

const usualMaxBytes = 64 * 1024 * 1024;

/**
 * The JSON answered to a GET below the service's URL.
 * @throws ServiceUnavailable, ServiceRefused (401, 403).
 */
export async function getJson(
  name: string,
  settings: HttpSettings,
  path: string,
  timeouts: Timeouts,
  signal: AbortSignal,
): Promise<unknown> {
  const answer = await getText(name, settings, path, timeouts, signal);
  if (answer.status < 200 || answer.status > 299)
    throw new ServiceUnavailable(`${name} at ${hostOf(settings)} answered HTTP ${answer.status}`);
  return parseJson(name, settings, answer);
}

/**
 * The answer to a GET below the service's URL, whatever its status.
 * @throws ServiceUnavailable, ServiceRefused (401, 403).
 */
export async function getText(
  name: string,
  { url, token }: HttpSettings,
  path: string,
  { requestTimeoutMs }: Timeouts,
  signal: AbortSignal,
  maxBytes = usualMaxBytes,
): Promise<HttpAnswer> {
  const base = new URL(url);
  const headers: Record<string, string> = { accept: 'application/json' };
  if (token !== undefined) headers.authorization = `Bearer ${token}`;
  else if (base.username)
    headers.authorization = `Basic ${Buffer.from(`${decodeURIComponent(base.username)}:${decodeURIComponent(base.password)}`).toString('base64')}`;
  base.username = base.password = '';
  const target = base.host;
  const address = `${base.href.replace(/\/$/, '')}${path}`;
  let response: Response;
  let text: string | undefined;
  try {
    ({ response, text } = await withTimeout(signal, requestTimeoutMs, async (within) => {
      const response = await fetch(address, { headers, redirect: 'error', signal: within });
      return { response, text: await readText(response, maxBytes) };
    }));
  } catch (error) {
    signal.throwIfAborted();
    const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
    const why =
      systemCode(cause) === 'ECONNREFUSED'
        ? 'connection refused'
        : (cause as Error).name === 'TimeoutError'
          ? `no answer within ${formatDuration(requestTimeoutMs)}`
          : maskSecrets(errorMessage(cause));
    throw new ServiceUnavailable(`${name} at ${target} cannot be reached: ${why}`);
  }
  if (text === undefined)
    throw new ServiceUnavailable(
      `the answer of ${name} at ${target} is longer than ${formatBytes(maxBytes)}`,
      {
        code: ANSWER_TOO_LARGE,
      },
    );
  if (response.status === 401 || response.status === 403)
    throw new ServiceRefused(`${name} at ${target} refused us: HTTP ${response.status}`);
  return { status: response.status, text };
}

/** @throws ServiceUnavailable when it is none. */
export function parseJson(name: string, settings: HttpSettings, { text }: HttpAnswer): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new ServiceUnavailable(`${name} at ${hostOf(settings)} did not answer with JSON: is it ${name}?`);
  }
}

/** Host and port, for messages. */
export function hostOf({ url }: HttpSettings): string {
  return new URL(url).host;
}

/** The body, or undefined when it is longer than that; the rest is not waited for. */
async function readText(response: Response, maxBytes: number): Promise<string | undefined> {
  if (response.body === null) return '';
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
    bytes += chunk.length;
    // Leaving the loop cancels the body.
    if (bytes > maxBytes) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
