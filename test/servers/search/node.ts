import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { javaProgram, SEARCH_VERSIONS, searchFolder, type SearchEngine } from '../cache-folder.js';
import { ask, freePorts } from '../ports.js';
import { launch, retrying, temporaryDirectory, type ServerProcess } from '../process.js';
import { classArchive, isSolr, javaOptions, nodeArguments } from './engines.js';

export interface SearchOptions {
  /** Not of Solr. Default 1. The first one is the only one that can be elected: kill another. */
  readonly nodes?: number;
  /** Of Solr: as SolrCloud, with a ZooKeeper in its process, 1000 ports higher; its configset is `_default`. */
  readonly cloud?: boolean;
  /** Maximum heap of a node. Default `512m`. */
  readonly heap?: string;
  /** Of each node, as in `elasticsearch.yml`. Disk watermarks are off unless `cluster.routing.allocation.disk.threshold_enabled` is set. */
  readonly settings?: Readonly<Record<string, string | number | boolean>>;
}

export interface SearchNode {
  /** `http://127.0.0.1:PORT`; Solr's ends in `/solr`. */
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** SIGKILL. */
  kill(): Promise<void>;
  /** On the same port with the same data; returns when they can be searched. */
  restart(): Promise<void>;
  pause(): void;
  resume(): void;
  /** The end of what it has logged. */
  output(): string;
}

/** `kill`, `restart` and the others act on the first node. */
export interface SearchServer extends SearchNode {
  readonly engine: SearchEngine;
  readonly version: string;
  readonly nodes: readonly SearchNode[];
  /** Of Solr: its home. */
  readonly home: string;
  stop(): Promise<void>;
}

const solrHome = fileURLToPath(new URL('./solr', import.meta.url));

/** A search server of its own, that no limit counts: tests use startSearchServer of ../search.ts. */
export function startSearchNodes(engine: SearchEngine, options: SearchOptions = {}): Promise<SearchServer> {
  return retrying(async () => {
    const count = options.nodes ?? 1;
    const ports = await freePorts(count);
    const transports = count === 1 ? [] : await freePorts(count);
    const started = await Promise.allSettled(
      ports.map((port, index) => startNode(engine, port, options, membership(engine, transports, index))),
    );
    const nodes = started.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    const stop = async (): Promise<void> => void (await Promise.all(nodes.map((node) => node.stop())));
    const failed = started.find((one) => one.status === 'rejected');
    if (failed) {
      await stop();
      throw failed.reason;
    }
    const [first] = nodes as [OwnNode, ...OwnNode[]];
    return {
      ...first,
      get pid() {
        return first.pid;
      },
      engine,
      version: SEARCH_VERSIONS[engine],
      nodes,
      stop,
    };
  });
}

interface OwnNode extends SearchNode {
  readonly home: string;
  stop(): Promise<void>;
}

function membership(engine: SearchEngine, transports: readonly number[], index: number): object {
  if (isSolr(engine)) return {};
  const name = { 'cluster.name': 'test', 'node.name': `node-${index + 1}` };
  if (transports.length === 0) return { ...name, 'discovery.type': 'single-node' };
  const electors = engine === 'opensearch-3' ? 'cluster_manager' : 'master';
  return {
    ...name,
    'transport.port': transports[index],
    'discovery.seed_hosts': transports.map((port) => `127.0.0.1:${port}`).join(','),
    [`cluster.initial_${electors}_nodes`]: 'node-1',
    'node.roles': index === 0 ? `${electors},data` : 'data',
  };
}

async function startNode(
  engine: SearchEngine,
  port: number,
  { nodes = 1, cloud = false, heap = '512m', settings }: SearchOptions,
  membership: object,
): Promise<OwnNode> {
  const directory = await temporaryDirectory(engine);
  if (isSolr(engine)) await cp(solrHome, directory.path, { recursive: true });
  const watermarks = { 'cluster.routing.allocation.disk.threshold_enabled': false };
  const all = isSolr(engine)
    ? cloud
      ? cloudSettings(directory.path, port)
      : {}
    : { ...watermarks, ...membership, ...settings };
  const folder = searchFolder(engine);
  const archive = `-XX:SharedArchiveFile=${classArchive(folder)}`;
  const started = nodeArguments(engine, { home: directory.path, port, settings: all });
  const run = (): Promise<ServerProcess> =>
    launch({
      command: javaProgram(),
      args: [...javaOptions(folder, heap), archive, ...started],
      directory: directory.path,
      startTimeoutMs: 120_000,
      ready: async () => (await ask(port, readiness(engine, nodes))).includes('200 OK'),
    });
  let server: ServerProcess;
  try {
    server = await run();
  } catch (error) {
    await directory.remove();
    throw error;
  }
  return {
    url: `http://127.0.0.1:${port}${isSolr(engine) ? '/solr' : ''}`,
    port,
    home: directory.path,
    get pid() {
      return server.pid;
    },
    output: () => server.output(),
    kill: () => server.kill(),
    async restart() {
      await server.stop();
      server = await run();
    },
    pause: () => server.signal('SIGSTOP'),
    resume: () => server.signal('SIGCONT'),
    async stop() {
      await server.kill();
      await directory.remove();
    },
  };
}

/** Properties of Java. */
function cloudSettings(home: string, port: number): Record<string, string | number> {
  return {
    zkRun: '',
    host: '127.0.0.1',
    hostPort: port,
    bootstrap_confdir: join(home, 'configsets', '_default', 'conf'),
    'collection.configName': '_default',
  };
}

function readiness(engine: SearchEngine, nodes: number): string {
  if (isSolr(engine)) return 'GET /solr/admin/cores HTTP/1.0\r\n\r\n';
  const wanted = `wait_for_nodes=%3E%3D${nodes}&wait_for_status=yellow&timeout=1s`;
  return `GET /_cluster/health?${wanted} HTTP/1.0\r\n\r\n`;
}
