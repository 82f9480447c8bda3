import { once, setMaxListeners } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo, Server, Socket } from 'node:net';

import { afterEach, expect } from 'vitest';

import { HttpClient, type HttpOptions } from '../../../src/lib/http/client.js';
import { HttpFailure } from '../../../src/lib/http/failure.js';

export const { signal } = new AbortController();
// Of all requests of a test file.
setMaxListeners(0, signal);
export const stops: (() => unknown)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

export async function listening(server: Server, at: string | number = 0): Promise<number> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket.on('error', () => undefined));
    socket.once('close', () => sockets.delete(socket));
  });
  if (typeof at === 'string') server.listen(at);
  else server.listen(at, '127.0.0.1');
  await once(server, 'listening');
  stops.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return typeof at === 'string' ? 0 : (server.address() as AddressInfo).port;
}

export const serving = async (listener: RequestListener) =>
  `http://127.0.0.1:${await listening(createServer(listener))}`;

export function open(url: string, options: Partial<HttpOptions> = {}): HttpClient {
  const client = new HttpClient(new URL(url), {
    ...{ connections: 4, connectTimeoutMs: 20_000, requestTimeoutMs: 20_000 },
    ...options,
  });
  stops.push(() => client.close());
  return client;
}

export async function failure(promise: Promise<unknown>): Promise<HttpFailure> {
  const error: unknown = await promise.then(
    () => expect.fail('it should have failed'),
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(HttpFailure);
  return error as HttpFailure;
}
