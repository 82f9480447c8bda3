import { HttpClient } from '../http/client.js';

export interface Answer {
  status: number;
  /** The header `x-cache`. */
  cache: string | undefined;
  body: string;
}

const timeoutMs = 60_000;

/** One request, over its own connection. @throws HttpFailure; the signal's reason. */
export async function request(url: string, signal: AbortSignal): Promise<Answer> {
  const http = new HttpClient(new URL(url), {
    connections: 1,
    connectTimeoutMs: timeoutMs,
    requestTimeoutMs: timeoutMs,
  });
  try {
    const { pathname, search } = new URL(url);
    const answer = await http.request({ path: pathname + search }, signal);
    const cache = answer.headers['x-cache'];
    return {
      status: answer.status,
      cache: typeof cache === 'string' ? cache : undefined,
      body: answer.body.toString('utf8'),
    };
  } finally {
    http.close();
  }
}
