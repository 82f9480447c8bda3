import type { IncomingHttpHeaders, IncomingHttpStatusHeader } from 'node:http2';

import { type Answer, mostBodyBytes } from '../transport.js';

/** The answer of one stream of HTTP/2. Its bytes are those of the body: heads are compressed for a whole connection. */
export class AnswerOfStream implements Answer {
  status = 0;
  bytes = 0;
  #headers: IncomingHttpHeaders = {};
  readonly #body: Buffer[] | undefined;

  constructor(keepsBody: boolean) {
    this.#body = keepsBody ? [] : undefined;
  }

  begin(headers: IncomingHttpHeaders & IncomingHttpStatusHeader): void {
    this.status = headers[':status'] ?? 0;
    this.#headers = headers;
  }

  /** @returns false when it is longer than what is kept of a body */
  take(chunk: Buffer): boolean {
    this.bytes += chunk.length;
    if (!this.#body) return true;
    this.#body.push(chunk);
    return this.bytes <= mostBodyBytes;
  }

  get headers(): ReadonlyMap<string, string> {
    const named = Object.entries(this.#headers).filter(([name]) => !name.startsWith(':'));
    return new Map(
      named.map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : (value ?? '')]),
    );
  }

  get body(): Buffer | undefined {
    return this.#body && Buffer.concat(this.#body);
  }
}
