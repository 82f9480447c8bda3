import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { connect, type DetailedPeerCertificate, type TLSSocket } from 'node:tls';

import { ConnectFailed, NotPinned } from './failure.js';

export interface PinnedServer {
  /** Without brackets. */
  readonly hostname: string;
  readonly port: number;
  readonly servername?: string | undefined;
}

/**
 * The certificate that a server shows with a SHA-256 fingerprint (`AB:CD:…`), as PEM. Nothing is sent over this connection,
 * and nothing else of the server is verified: whoever trusts the certificate as an authority leaves that to OpenSSL.
 * @param options of the connection: `cert`, `key`
 * @param onSocket told the connection, so that it can be closed
 * @throws ConnectFailed, of a NotPinned where there is no such certificate
 */
export function pinnedCertificate(
  { hostname, port, servername }: PinnedServer,
  fingerprint: string,
  options: { readonly cert?: string | Buffer | undefined; readonly key?: string | Buffer | undefined },
  onSocket: (socket: TLSSocket) => void,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      ...options,
      host: hostname,
      port,
      servername: servername ?? (isIP(hostname) === 0 ? hostname : ''),
      rejectUnauthorized: false,
      ALPNProtocols: ['http/1.1'],
    });
    onSocket(socket);
    socket.once('error', (error) => reject(new ConnectFailed(error)));
    socket.once('close', () => reject(new ConnectFailed(new Error('the connection was closed'))));
    socket.once('secureConnect', () => {
      const chain = chainOf(socket.getPeerCertificate(true));
      socket.destroy();
      const pinned = chain.find(({ fingerprint256 }) => fingerprint256 === fingerprint);
      if (pinned) resolve(pinned.toString());
      else reject(new ConnectFailed(new NotPinned(chain.at(-1)?.fingerprint256)));
    });
  });
}

/** From the server's own certificate up: each names the next as its issuer. */
function chainOf(leaf: DetailedPeerCertificate): X509Certificate[] {
  const chain: X509Certificate[] = [];
  const seen = new Set<string>();
  for (let at: DetailedPeerCertificate | undefined = leaf; at?.raw && !seen.has(at.fingerprint256);) {
    seen.add(at.fingerprint256);
    chain.push(new X509Certificate(at.raw));
    // A root is its own issuer.
    at = at.issuerCertificate;
  }
  return chain;
}
