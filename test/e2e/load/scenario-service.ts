import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';

import { listen } from './run-load.js';

/** A request, as the server got it. */
export interface Got {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
  readonly at: number;
}

type Answer = (got: Got, response: ServerResponse) => void;

/** A server that keeps what it got. Its target has no slash at the end. */
export async function service(answer: Answer = (_, response) => void response.end('{}')) {
  const all: Got[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      const { method = '', url = '', headers } = request;
      const got = { method, path: url, headers, body, at: performance.now() };
      all.push(got);
      answer(got, response);
    });
  });
  const url = await listen(server);
  return { all, target: url.slice(0, -1) };
}
