import { connect, type Socket } from 'node:net';

import { errorMessage, ServiceUnavailable, systemCode } from '../../core/errors.js';
import { formatDuration } from '../../core/units.js';
import type { ServerAddress } from './address.js';

/** @throws ServiceUnavailable within the time-out; the signal's reason when that is aborted first. */
export function openSocket(
  { host, port, label }: ServerAddress,
  connectTimeoutMs: number,
  signal: AbortSignal,
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(signal.reason as Error);
      return;
    }
    const socket = port === 0 ? connect(host) : connect({ host, port, noDelay: true });
    const finish = (error?: unknown): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
      socket.removeAllListeners();
      if (error === undefined) {
        resolve(socket);
        return;
      }
      socket.on('error', () => {}).destroy();
      reject(error as Error);
    };
    const abort = (): void => finish(signal.reason);
    const timer = setTimeout(
      () => finish(unreachable(label, `no connection within ${formatDuration(connectTimeoutMs)}`)),
      connectTimeoutMs,
    );
    signal.addEventListener('abort', abort, { once: true });
    socket.once('connect', () => finish());
    socket.once('error', (error) => finish(unreachable(label, reason(error), error)));
  });
}

export function unreachable(label: string, why: string, cause?: unknown): ServiceUnavailable {
  return new ServiceUnavailable(`memcached at ${label} cannot be reached: ${why}`, {
    hint: 'Check memcached.servers (METRIFY_MEMCACHED_SERVERS) and that the server runs.',
    cause,
  });
}

/** @param answer what the server said. */
export function garbled(label: string, answer: Error): ServiceUnavailable {
  return new ServiceUnavailable(
    `memcached at ${label} answered something that is not memcached's protocol: '${answer.message}'`,
    { hint: 'Is it a memcached server? Does something between change what it says?', cause: answer },
  );
}

export function silent(label: string, timeoutMs: number): ServiceUnavailable {
  return new ServiceUnavailable(`memcached at ${label} did not answer for ${formatDuration(timeoutMs)}`, {
    hint: 'Is it stopped or swapping? requestTimeout sets how long to wait.',
  });
}

function reason(error: Error): string {
  const code = systemCode(error);
  if (code === 'ECONNREFUSED') return 'connection refused';
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'no such host';
  if (code === 'ENOENT') return 'no such socket';
  return errorMessage(error);
}
