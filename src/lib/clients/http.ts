import { errorMessage, ServiceRefused, ServiceUnavailable, systemCode } from '../core/errors.js';
import { maskSecrets } from '../core/redact.js';
import { formatDuration } from '../core/units.js';
import type { HttpSettings, Timeouts } from './settings.js';

/**
 * The JSON answered to a GET below the service's URL.
 * @throws ServiceUnavailable, ServiceRefused (401, 403).
 */
export async function getJson(
  name: string,
  { url }: HttpSettings,
  path: string,
  { requestTimeoutMs }: Timeouts,
  signal: AbortSignal,
): Promise<unknown> {
  const base = new URL(url);
  const headers: Record<string, string> = { accept: 'application/json' };
  if (base.username)
    headers.authorization = `Basic ${Buffer.from(`${decodeURIComponent(base.username)}:${decodeURIComponent(base.password)}`).toString('base64')}`;
  base.username = base.password = '';
  const target = base.host;
  const address = `${base.href.replace(/\/$/, '')}${path}`;
  let response: Response;
  let text: string;
  try {
    response = await fetch(address, {
      headers,
      redirect: 'error',
      signal: AbortSignal.any([signal, AbortSignal.timeout(requestTimeoutMs)]),
    });
    text = await response.text();
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
  if (response.status === 401 || response.status === 403)
    throw new ServiceRefused(`${name} at ${target} refused us: HTTP ${response.status}`);
  if (!response.ok) throw new ServiceUnavailable(`${name} at ${target} answered HTTP ${response.status}`);
  try {
    return JSON.parse(text);
  } catch {
    throw new ServiceUnavailable(`${name} at ${target} did not answer with JSON: is it ${name}?`);
  }
}
