import { cp } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';

import type { SearchEngine } from '../cache-folder.js';
import { isSolr } from './engines.js';
import { startSearchNodes, type SearchServer } from './node.js';
import { Slots, type Claim } from './slots.js';

/** Java processes of search engines at a time: about 300 MB each. */
const LIMIT = 2;

export interface SearchGrant {
  readonly urls: readonly string[];
  /** That no other claim of the run has. */
  readonly number: number;
}

/** The name of what belongs to a claim: the prefix of its indices, or its configset of Solr. */
export function ownName(number: number): string {
  return `t${number}`;
}

/** The run's search servers. */
export class SearchPool {
  readonly #slots = new Slots<SearchEngine, SearchServer>(LIMIT, (engine) => startSearchNodes(engine));
  #claims = 0;

  /** Writes a line, the SearchGrant, when the claim is met; it holds as long as the connection is open. */
  async answer(claim: Claim<SearchEngine>, response: ServerResponse): Promise<void> {
    const gone = new Promise<void>((resolve) => response.once('close', resolve));
    const { servers, release } = await this.#slots.take(claim);
    try {
      const number = this.#claims++;
      for (const server of servers) await giveConfigset(server, ownName(number));
      const grant: SearchGrant = { urls: servers.map(({ url }) => url), number };
      response.write(`${JSON.stringify(grant)}\n`);
      await gone;
    } finally {
      release();
    }
  }

  stop(): Promise<void> {
    return this.#slots.stop();
  }
}

/** Cores that are made of one configset share its schema. */
async function giveConfigset({ engine, home }: SearchServer, name: string): Promise<void> {
  if (!isSolr(engine)) return;
  const configsets = join(home, 'configsets');
  await cp(join(configsets, '_default'), join(configsets, name), { recursive: true });
}
