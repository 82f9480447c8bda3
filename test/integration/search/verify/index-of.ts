import { fromBytes, toBytes } from '../../../../src/lib/core/bytes.js';
import { jsonString } from '../../../../src/lib/sources/json-text.js';
import type { SearchEngine } from '../../../../src/lib/search/engine.js';
import { openEngine } from '../../../../src/lib/search/open-engine.js';
import type { Side } from '../../../../src/lib/search/verify/side.js';

/** Documents by id, as JSON. */
export type Documents = ReadonlyMap<string, string>;

const { signal } = new AbortController();

export function engineAt(url: string): Promise<SearchEngine> {
  const timeouts = { connectTimeoutMs: 60_000, requestTimeoutMs: 60_000 };
  return openEngine('elasticsearch', { urls: [url] }, timeouts, signal);
}

/** A side that is a Map as it is when it is read, a few documents at a time. */
export function sideOf(documents: Documents): Side {
  return {
    label: 'the map',
    estimate: documents.size,
    async *documents() {
      await Promise.resolve();
      const all = [...documents].map(([id, json]) => ({ id: toBytes(id), source: toBytes(json) }));
      for (let at = 0; at < all.length; at += 7) yield all.slice(at, at + 7);
    },
  };
}

/** Plain requests to a server, for what a test prepares and finds, without the code under test. */
export class Rest {
  constructor(readonly url: string) {}

  async ask<T = Record<string, unknown>>(method: string, path: string, body?: unknown): Promise<T> {
    const text = await this.text(method, path, body === undefined ? undefined : JSON.stringify(body));
    return JSON.parse(text) as T;
  }

  /** The answer's bytes as text. @throws when it is an error */
  async text(method: string, path: string, body?: string): Promise<string> {
    const type = path.includes('/_bulk') ? 'application/x-ndjson' : 'application/json';
    const headers = body === undefined ? {} : { 'content-type': type };
    const response = await fetch(this.url + path, { method, headers, ...(body !== undefined && { body }) });
    const text = await response.text();
    if (!response.ok || text.startsWith('{"errors":true')) throw new Error(`${method} ${path}: ${text}`);
    return text;
  }

  /** Writes documents as they are spelt, and makes them visible. */
  async write(index: string, documents: Documents): Promise<void> {
    if (documents.size === 0) return;
    const lines = [...documents].map(
      ([id, json]) => `{"index":{"_id":${fromBytes(jsonString(toBytes(id)))}}}\n${json}\n`,
    );
    await this.text('POST', `/${index}/_bulk?refresh=true&filter_path=errors`, lines.join(''));
  }

  /** Documents of the index, each as it is spelt. At most 10,000. */
  async documents(index: string): Promise<Map<string, string>> {
    await this.text('POST', `/${index}/_refresh`);
    // Without filter_path, with which the server would spell numbers its own way.
    const answer = await this.text('POST', `/${index}/_search?size=10000`, '{}');
    const found = new Map<string, string>();
    const hits = answer.slice(answer.indexOf('"hits":[') + '"hits":['.length, answer.lastIndexOf(']'));
    // Each begins with its index, and ends with its source.
    for (const hit of hits.split(/(?<=\}),(?=\{"_index":)/)) {
      const [, id, source] = /"_id":("(?:[^"\\]|\\.)*").*?,"_source":([^]*)\}$/.exec(hit) ?? [];
      if (id !== undefined) found.set(JSON.parse(id) as string, source!);
    }
    return found;
  }
}
