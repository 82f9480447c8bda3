import { connect } from 'node:tls';

import { isHandshakeAlert } from './tls-problems.js';

const longestMs = 2000;

/** Whether whoever answers there greets in TLS, with whatever certificate. Nothing is sent to it. */
export function speaksTls({ hostname, port }: URL, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({
      host: hostname.replace(/^\[(.*)\]$/, '$1'),
      port: Number(port || 80),
      rejectUnauthorized: false,
    });
    const end = (answer: boolean) => () => {
      socket.destroy();
      resolve(answer);
    };
    // A client certificate that is wanted comes after the greeting.
    socket.once('secureConnect', end(true)).once('error', (error: NodeJS.ErrnoException) => {
      end(isHandshakeAlert(error.code ?? ''))();
    });
    socket.once('close', end(false)).setTimeout(longestMs, end(false));
    signal.addEventListener('abort', end(false), { once: true });
  });
}
