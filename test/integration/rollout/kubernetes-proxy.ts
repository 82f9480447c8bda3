import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, connect, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A TCP proxy before an API server. It cannot read the requests, but it can see answers pass. */
export interface ApiProxy {
  /** The same user's, by way of the proxy. */
  readonly kubeconfig: string;
  readonly port: number;
  /** From now on this many answers pass; the connection that brings the next one breaks before it arrives. */
  breakAfter(answers: number): void;
  /** Every connection from now on breaks at once. */
  refuse(): void;
  /** Nothing comes back any more. */
  stall(): void;
  restore(): void;
  close(): Promise<void>;
}

export async function startApiProxy(kubeconfig: string): Promise<ApiProxy> {
  const config = JSON.parse(await readFile(kubeconfig, 'utf8'));
  const target = new URL(config.clusters[0].cluster.server);
  const sockets = new Set<Socket>();
  let mode: 'through' | 'break' | 'refuse' | 'stall' = 'through';
  let left = 0;

  const server = createServer((client) => {
    if (mode === 'refuse') return void client.resetAndDestroy();
    const upstream = connect(Number(target.port), target.hostname);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => sockets.delete(socket));
    }
    let asked = false;
    client.on('data', (chunk: Buffer) => {
      asked = true;
      upstream.write(chunk);
    });
    client.on('close', () => upstream.destroy());
    upstream.on('close', () => client.destroy());
    upstream.on('data', (chunk: Buffer) => {
      if (mode === 'stall') return;
      // One answer may come in several parts: the first after a request counts.
      if (mode === 'break' && asked && left-- <= 0) {
        mode = 'through';
        return void client.resetAndDestroy();
      }
      asked = false;
      client.write(chunk);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const folder = await mkdtemp(join(tmpdir(), 'metrify-proxy-'));
  const file = join(folder, 'kubeconfig');
  Object.assign(config.clusters[0].cluster, {
    server: `https://127.0.0.1:${port}`,
    'tls-server-name': 'kubernetes.default',
  });
  await writeFile(file, JSON.stringify(config), { mode: 0o600 });
  return {
    kubeconfig: file,
    port,
    breakAfter(answers) {
      mode = 'break';
      left = answers;
    },
    refuse: () => (mode = 'refuse'),
    stall: () => (mode = 'stall'),
    restore: () => (mode = 'through'),
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
      await rm(folder, { recursive: true });
    },
  };
}
