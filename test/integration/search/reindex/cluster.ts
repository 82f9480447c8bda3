import { expect } from 'vitest';

import { metrifyInProcess } from '../../../e2e/in-process.js';
import type { Finished } from '../../../e2e/run.js';

export type Documents = Map<string, unknown>;

/** A server as a test sees it: plain requests, without anything of metrify. */
export class Cluster {
  /** @param settings of its indices */
  constructor(
    readonly url: string,
    readonly settings: object = {},
  ) {}

  /** @param body an object is sent as JSON, text as it is */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- each test knows what it asks for
  async ask(method: string, path: string, body?: object | string): Promise<any> {
    const type = typeof body === 'string' ? 'application/x-ndjson' : 'application/json';
    const response = await fetch(this.url + path, {
      method,
      headers: { 'content-type': type },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    return response.json();
  }

  /** An index with two shards that is searched and written to as `alias`. */
  async createSeries(alias: string, mappings: object, definition: object = {}): Promise<string> {
    const name = `${alias}-000001`;
    const settings = { number_of_shards: 2, number_of_replicas: 0, ...this.settings };
    const made = await this.ask('PUT', `/${name}`, { settings, mappings, aliases: { [alias]: definition } });
    expect(made).toMatchObject({ acknowledged: true });
    return name;
  }

  /** Writes raw JSON by id, and returns what is there now. */
  async fill(index: string, count: number, document: (i: number) => string): Promise<Documents> {
    const documents: Documents = new Map();
    for (let start = 0; start < count; start += 5000) {
      const lines: string[] = [];
      for (let i = start; i < Math.min(count, start + 5000); i++) {
        lines.push(`{"index":{"_id":"d${i}"}}`, document(i));
        documents.set(`d${i}`, JSON.parse(document(i)));
      }
      const { errors } = await this.ask('POST', `/${index}/_bulk`, `${lines.join('\n')}\n`);
      expect(errors).toBe(false);
    }
    return documents;
  }

  /** Every document of an index or alias, as searches see it after a refresh. */
  async documents(index: string): Promise<Documents> {
    await this.ask('POST', `/${index}/_refresh`);
    const documents: Documents = new Map();
    let page = await this.ask('POST', `/${index}/_search?scroll=1m`, { size: 5000, sort: ['_doc'] });
    while (page.hits.hits.length > 0) {
      for (const { _id, _source } of page.hits.hits) {
        expect(documents.has(_id), `${_id} is there twice`).toBe(false);
        documents.set(_id, _source);
      }
      page = await this.ask('POST', '/_search/scroll', { scroll: '1m', scroll_id: page._scroll_id });
    }
    return documents;
  }

  /** The indices behind an alias, with its definition in each. */
  async alias(name: string): Promise<Record<string, object>> {
    const found = (await this.ask('GET', `/_alias/${name}`)) as Record<
      string,
      { aliases: Record<string, object> }
    >;
    return Object.fromEntries(Object.entries(found).map(([index, { aliases }]) => [index, aliases[name]!]));
  }

  /** Deletes everything whose name begins with the prefix. */
  async clean(prefix: string): Promise<void> {
    const names = Object.keys(await this.ask('GET', `/${prefix}*/_settings/index.uuid`));
    for (const name of names) await this.ask('DELETE', `/${name}`);
  }

  /** `metrify search reindex …` against this server. */
  reindex(...args: string[]): Promise<Finished> {
    return metrifyInProcess(['search', 'reindex', ...args, '-o', 'json'], {
      env: { METRIFY_ELASTICSEARCH_URL: this.url },
    });
  }
}
