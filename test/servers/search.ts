import { once } from 'node:events';
import { request, type ClientRequest, type IncomingMessage } from 'node:http';

import { inject } from 'vitest';

import { SEARCH_VERSIONS, type SearchEngine } from './cache-folder.js';
import { startSearchNodes, type SearchOptions, type SearchServer } from './search/node.js';
import { ownName, type SearchGrant } from './search/pool.js';
import type { Claim } from './search/slots.js';

export type { SearchEngine, SearchOptions, SearchServer };
export type { SearchNode } from './search/node.js';

/** One of the run's search servers, shared by all test files: change no setting of the cluster, and no index but your own. */
export interface SharedSearch {
  /** `http://127.0.0.1:PORT`; Solr's ends in `/solr`. */
  readonly url: string;
  readonly engine: SearchEngine;
  readonly version: string;
  /** The names of this file's indices, templates, aliases and cores start with it; ends in a hyphen. */
  readonly prefix: string;
  /** Of Solr: a configset that only this file has, as `_default`. */
  readonly configSet: string;
  /** Gives the server back, and those that were asked for with it; the end of the test file does too. */
  release(): Promise<void>;
}

/* Two Java processes of search engines run at a time. A test file that needs two asks for both in one call, so that two
files never wait for each other; it may ask again when it has given back what it had. */

export async function searchServer(engine: SearchEngine): Promise<SharedSearch> {
  const [server] = await searchServers(engine);
  return server!;
}

export async function searchServers(...engines: SearchEngine[]): Promise<SharedSearch[]> {
  const { urls, number, release } = await claim({ shared: engines, own: 0 });
  return engines.map((engine, index) => ({
    url: urls[index]!,
    engine,
    version: SEARCH_VERSIONS[engine],
    prefix: `${ownName(number)}-`,
    configSet: ownName(number),
    release,
  }));
}

/** A server that no other file uses: for faults, settings of the cluster, and names that are not the file's own. `stop` gives its place back. */
export async function startSearchServer(
  engine: SearchEngine,
  options: SearchOptions = {},
): Promise<SearchServer> {
  const [server] = await startSearchServers([engine, options]);
  return server!;
}

/** Their place is given back when all of them have been stopped. */
export async function startSearchServers(
  ...wanted: (readonly [engine: SearchEngine, options?: SearchOptions])[]
): Promise<SearchServer[]> {
  const nodes = wanted.map(([, options]) => options?.nodes ?? 1);
  const { release } = await claim({ shared: [], own: nodes.reduce((sum, one) => sum + one, 0) });
  const started = await Promise.allSettled(
    wanted.map(([engine, options]) => startSearchNodes(engine, options)),
  );
  const servers = started.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  const running = new Set(servers);
  const failed = started.find((one) => one.status === 'rejected');
  if (failed) {
    await Promise.all(servers.map((server) => server.stop()));
    await release();
    throw failed.reason;
  }
  return servers.map((server) => ({
    ...server,
    get pid() {
      return server.pid;
    },
    async stop() {
      await server.stop();
      if (running.delete(server) && running.size === 0) await release();
    },
  }));
}

/** What this file holds. */
const held = new Set<ClientRequest>();

/** Waits for the broker; the claim is this connection. */
async function claim(wanted: Claim<SearchEngine>): Promise<SearchGrant & { release(): Promise<void> }> {
  if (held.size > 0)
    throw new Error('this test file has search servers: ask at once for all that it needs at a time');
  const asked = request(`${inject('broker')}/search`, { method: 'POST', agent: false });
  held.add(asked);
  asked.once('close', () => held.delete(asked));
  asked.end(JSON.stringify(wanted));
  const [answer] = (await once(asked, 'response')) as [IncomingMessage];
  const [told] = (await once(answer, 'data')) as [Buffer];
  if (answer.statusCode !== 200) throw new Error(`search: ${told.toString()}`);
  answer.on('error', () => undefined); // It is cut on release.
  answer.socket.unref();
  return {
    ...(JSON.parse(told.toString()) as SearchGrant),
    async release() {
      if (!held.delete(asked)) return;
      asked.destroy();
      await once(asked, 'close');
    },
  };
}
