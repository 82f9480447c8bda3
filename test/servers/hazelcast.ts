import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { hazelcastFolder } from './cache-folder.js';
import { ask, freePorts } from './ports.js';
import { launch, retrying, temporaryDirectory, type ServerProcess } from './process.js';

export interface HazelcastOptions {
  /** YAML below `map:`, a map's name to its settings, as an object. */
  readonly maps?: Readonly<Record<string, unknown>>;
  readonly clusterName?: string;
  /** Maximal heap. Default `256m`. */
  readonly heap?: string;
  /** Members to make a cluster with. */
  readonly join?: readonly HazelcastServer[];
  /** Ports of the members that will join later; they make a cluster with this one. */
  readonly ports?: { readonly own: number; readonly all: readonly number[] };
}

/** An entry as Java sees it. */
export interface JavaEntry {
  readonly keyType: string;
  /** Bytes, as Latin-1. */
  readonly key: string;
  readonly valueType: string;
  readonly value: string;
  readonly ttlMs: number;
}

export interface HazelcastServer {
  /** `hazelcast://127.0.0.1:PORT` */
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** What a Java service sees in a map. */
  entries(map: string): Promise<Map<string, JavaEntry>>;
  size(map: string): Promise<number>;
  /** As a Java service would. */
  put(map: string, key: string, value: string): Promise<void>;
  putNumber(map: string, key: number, value: number): Promise<void>;
  output(): string;
  stop(): Promise<void>;
  /** SIGKILL. */
  kill(): Promise<void>;
  /** On the same port, and empty. */
  restart(): Promise<void>;
  pause(): void;
  resume(): void;
}

const memberSource = fileURLToPath(new URL('./hazelcast/Member.java', import.meta.url));

/** A Hazelcast member on its own, unless `ports` says which others belong to its cluster. Needs java and the jar. */
export function startHazelcast(options: HazelcastOptions = {}): Promise<HazelcastServer> {
  return retrying(() => start(options), options.ports ? 1 : 3);
}

/** Members that back each other's entries up once. */
export async function startHazelcastCluster(
  count: number,
  options: HazelcastOptions = {},
): Promise<HazelcastServer[]> {
  return retrying(async () => {
    const all = await freePorts(count);
    const started = await Promise.allSettled(all.map((own) => start({ ...options, ports: { own, all } })));
    const servers = started.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    const failed = started.find((one) => one.status === 'rejected');
    if (!failed) return servers;
    await Promise.all(servers.map((server) => server.kill().then(() => server.stop())));
    throw failed.reason;
  });
}

async function start(options: HazelcastOptions): Promise<HazelcastServer> {
  const [free, oraclePort] = (await freePorts(2)) as [number, number];
  const port = options.ports?.own ?? free;
  const directory = await temporaryDirectory('hazelcast');
  const config = join(directory.path, 'hazelcast.yaml');
  // JSON is YAML.
  await writeFile(config, JSON.stringify({ hazelcast: configuration(port, options) }));
  const members = options.ports?.all.length ?? 1;
  const get = async (path: string, body?: string): Promise<string> => {
    const init = body === undefined ? {} : { method: 'POST', body };
    const text = await (await fetch(`http://127.0.0.1:${oraclePort}/${path}`, init)).text();
    if (text.startsWith('error ')) throw new Error(text);
    return text;
  };
  const run = (): Promise<ServerProcess> =>
    launch({
      command: 'java',
      args: [
        ...[`-Xmx${options.heap ?? '256m'}`, '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'],
        ...['-Dhazelcast.phone.home.enabled=false', '-Dhazelcast.shutdownhook.policy=TERMINATE'],
        ...['-cp', join(hazelcastFolder(), '*'), memberSource, config, String(oraclePort)],
      ],
      directory: directory.path,
      startTimeoutMs: 60_000,
      ready: async () => (await ask(oraclePort, 'GET /size/x HTTP/1.0\r\n\r\n')).includes('200 OK'),
    });
  let server: ServerProcess;
  try {
    server = await run();
  } catch (error) {
    await directory.remove();
    throw error;
  }
  if (members > 1) await untilJoined(server, members);
  return {
    url: `hazelcast://127.0.0.1:${port}`,
    port,
    get pid() {
      return server.pid;
    },
    async entries(map) {
      const lines = (await get(`entries/${map}`)).split('\n').filter((line) => line !== '');
      return new Map(lines.map(readEntry).map((entry) => [entry.key, entry]));
    },
    size: async (map) => Number(await get(`size/${map}`)),
    put: async (map, key, value) => void (await get(`put/${map}/${encodeURIComponent(key)}`, value)),
    putNumber: async (map, key, value) => void (await get(`number/${map}/${key}`, String(value))),
    output: () => server.output(),
    async stop() {
      await server.stop();
      await directory.remove();
    },
    kill: () => server.kill(),
    async restart() {
      await server.stop();
      server = await run();
    },
    pause: () => server.signal('SIGSTOP'),
    resume: () => server.signal('SIGCONT'),
  };
}

function configuration(port: number, { maps = {}, clusterName = 'dev', ports }: HazelcastOptions): unknown {
  const others = ports && ports.all.length > 1;
  return {
    'cluster-name': clusterName,
    network: {
      port: { port, 'auto-increment': false },
      interfaces: { enabled: true, interfaces: ['127.0.0.1'] },
      join: {
        'auto-detection': { enabled: false },
        multicast: { enabled: false },
        'tcp-ip': {
          enabled: others === true,
          'member-list': others ? ports.all.map((other) => `127.0.0.1:${other}`) : [],
        },
      },
    },
    jet: { enabled: false },
    map: maps,
  };
}

async function untilJoined(server: ServerProcess, members: number): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (!new RegExp(`Members \\{size:${members},`).test(server.output())) {
    if (Date.now() > deadline) throw new Error(`the members did not find each other:\n${server.output()}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function readEntry(line: string): JavaEntry {
  const [keyType, key, valueType, value, ttl] = line.split(' ');
  const bytes = (hex: string) => Buffer.from(hex, 'hex').toString('latin1');
  return {
    keyType: keyType!,
    key: bytes(key!),
    valueType: valueType!,
    value: bytes(value!),
    ttlMs: Number(ttl),
  };
}
