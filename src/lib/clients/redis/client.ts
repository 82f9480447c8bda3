import { setMaxListeners } from 'node:events';

import type { ByteString } from '../../core/bytes.js';
import { ServiceUnavailable, UserError } from '../../core/errors.js';
import { readAuthorities } from '../authorities.js';
import type { RedisSettings, Timeouts } from '../settings.js';
import { askingCommand } from './commands.js';
import { type RedisAddress, redisTarget } from './address.js';
import {
  ConnectionLost,
  type ConnectionOptions,
  lostConnection,
  notAsked,
  RedisConnection,
} from './connection.js';
import { answered, refused, unexpected } from './refusals.js';
import { type CommandPart, encodeCommand, RedisError, type Reply } from './resp.js';
import { isPassing, Retrier } from './retrier.js';
import { asList, asNumber, asText } from './shapes.js';
import { slotCount, slotOf } from './slots.js';

/** A master and the slots it serves; without a cluster, the one server with all of them. */
export interface RedisNode {
  node: string;
  address: RedisAddress;
  /** Inclusive ranges. */
  ranges: [from: number, to: number][];
  replicas: RedisAddress[];
}

export interface CallOptions {
  /** Repeat the command after its answer was lost, when it may have been carried out already. @default true */
  idempotent?: boolean;
  /** Called when the command is repeated although it may have been carried out already. */
  repeated?: () => void;
}

/**
 * Connects to a server, or to a cluster through any of its nodes.
 * @throws ServiceUnavailable, ServiceRefused; UserError when the URLs make no sense.
 */
export async function openRedis(
  settings: RedisSettings,
  timeouts: Timeouts,
  signal: AbortSignal,
): Promise<RedisClient> {
  const { addresses, ...login } = redisTarget(settings);
  const { tlsVerify, tlsCa } = settings;
  const authorities =
    login.tls && tlsCa !== undefined ? await readAuthorities(tlsCa, 'redis.tlsCa') : undefined;
  const client = new RedisClient(addresses, { ...timeouts, tlsVerify, authorities, ...login }, signal);
  try {
    await client.discover(addresses.length > 1).catch((error: unknown) => {
      // It was there a moment ago.
      if (!(error instanceof ConnectionLost)) throw error;
      return client.retried(() => client.discover(addresses.length > 1));
    });
  } catch (error) {
    client.close();
    throw error;
  }
  return client;
}

export class RedisClient {
  readonly #connections = new Map<string, Promise<RedisConnection>>();
  /** Those of them that are open, for single commands: a promise costs more than the command. */
  readonly #open = new Map<string, RedisConnection>();
  readonly #closing = new AbortController();
  /** The caller's signal, or `close`. */
  readonly #stopped: AbortSignal;
  #masters: RedisNode[] = [];
  #bySlot: (RedisNode | undefined)[] = [];
  cluster = false;
  /** INFO of the server that was asked first. */
  info: Record<string, string> = {};

  constructor(
    private readonly seeds: RedisAddress[],
    readonly options: ConnectionOptions,
    private readonly signal: AbortSignal,
  ) {
    this.#stopped = AbortSignal.any([signal, this.#closing.signal]);
    // Every call that waits for Redis to come back listens.
    setMaxListeners(0, this.#stopped);
  }

  /** The first server's address, with its database unless that is 0. */
  get address(): string {
    return `${nodeName(this.seeds[0]!)}${this.options.database > 0 ? `/${this.options.database}` : ''}`;
  }

  /** For messages: its address, and how many more servers were given. */
  get target(): string {
    return `${this.address}${this.seeds.length > 1 ? ` +${this.seeds.length - 1}` : ''}`;
  }

  get masters(): readonly RedisNode[] {
    return this.#masters;
  }

  /** @throws ServiceUnavailable when no node serves the slot at the moment. */
  masterOf(key: ByteString): RedisNode {
    const node = this.cluster ? this.#bySlot[slotOf(key)] : this.#masters[0];
    if (!node)
      throw new ServiceUnavailable(
        `no master of the Redis Cluster at ${this.target} serves slot ${slotOf(key)}`,
        {
          hint: 'See: metrify cache cluster check',
        },
      );
    return node;
  }

  async discover(clusterExpected = false): Promise<void> {
    const seed = await this.#anyNode();
    this.info = parseInfo(asText(await this.#ask(seed, ['INFO']), seed.node));
    if (this.info.redis_mode === 'sentinel') throw isSentinel(seed.node, this.info);
    this.cluster = this.info.cluster_enabled === '1';
    if (clusterExpected && !this.cluster)
      throw new UserError(`several Redis URLs mean a cluster, but ${seed.node} is not a cluster`, {
        hint: 'Give one URL for a single server.',
      });
    if (!this.cluster) {
      this.#masters = [
        { node: seed.node, address: seed.address, ranges: [[0, slotCount - 1]], replicas: [] },
      ];
      return;
    }
    if (this.options.database > 0)
      throw new UserError(`a Redis Cluster has database 0 only, not ${this.options.database}`, {
        hint: 'Leave the number out of the URL.',
      });
    this.#readSlots(readSlots(await this.#ask(seed, ['CLUSTER', 'SLOTS']), seed.node), seed.address.host);
    if (this.#masters.length === 0)
      throw new ServiceUnavailable(`the Redis Cluster at ${this.target} serves no slot`, {
        hint: 'See: metrify cache cluster check',
      });
  }

  /** Asks again who serves what: after a failover, a redirect, or a lost connection. */
  async refresh(): Promise<void> {
    if (this.cluster) await this.discover();
    else await this.#anyNode();
  }

  /** The shared connection to a node, opened when it is first needed or was lost. */
  async connect(address: RedisAddress): Promise<RedisConnection> {
    const name = nodeName(address);
    for (;;) {
      const opening = this.#connections.get(name) ?? this.#openShared(name, address);
      const connection = await opening;
      if (!connection.lost) return connection;
      // Of all who waited the first opens another one, and the others find that.
      if (this.#connections.get(name) === opening) this.#connections.delete(name);
    }
  }

  #openShared(name: string, address: RedisAddress): Promise<RedisConnection> {
    const opening = RedisConnection.open(address, this.options, this.#stopped);
    this.#connections.set(name, opening);
    opening.then(
      (connection) => this.#open.set(name, connection),
      () => this.#connections.delete(name),
    );
    return opening;
  }

  /** A connection of the caller's own, to be closed by it. */
  dedicated(address: RedisAddress): Promise<RedisConnection> {
    return RedisConnection.open(address, this.options, this.signal);
  }

  /**
   * One command with its key in second place, sent to the key's master. Redirects are followed; while the server is
   * away or answers that it cannot for the moment, the command is repeated for the request time-out, counted from the
   * first failure.
   * @throws ServiceUnavailable, ServiceRefused; RedisError for what is wrong with the command itself; ConnectionLost
   * when a command that is not idempotent has no answer.
   */
  call(
    args: readonly CommandPart[],
    key = (args[1] ?? '') as ByteString,
    options: CallOptions = {},
  ): Promise<Exclude<Reply, RedisError>> {
    const open = this.openTo(key);
    if (!open) return this.#persist(args, key, options);
    return open.single(encodeCommand(args)).then(
      (reply) =>
        reply instanceof RedisError
          ? this.#persist(args, key, options, reply)
          : (reply as Exclude<Reply, RedisError>),
      (error: Error) => this.#persist(args, key, options, error),
    );
  }

  /** The connection to the key's master, if there is one that is open. */
  openTo(key: ByteString): RedisConnection | undefined {
    const node = this.cluster ? this.#bySlot[slotOf(key)] : this.#masters[0];
    const open = node && this.#open.get(node.node);
    return open?.lost ? undefined : open;
  }

  /** @param first outcome of an attempt that was made already. */
  async #persist(
    args: readonly CommandPart[],
    key: ByteString,
    { idempotent = true, repeated }: CallOptions,
    first?: Error,
  ): Promise<Exclude<Reply, RedisError>> {
    const retrier = new Retrier(this.options.requestTimeoutMs, this.#stopped);
    for (let outcome = first; ; outcome = undefined) {
      let problem: UserError;
      try {
        if (outcome !== undefined && !(outcome instanceof RedisError)) throw outcome;
        const { address, node } = this.masterOf(key);
        let reply = outcome ?? (await (await this.connect(address)).single(encodeCommand(args)));
        if (reply instanceof RedisError && reply.code === 'ASK')
          reply = await this.#asking(redirectAddress(reply, address), args);
        if (!(reply instanceof RedisError)) return reply as Exclude<Reply, RedisError>;
        const error = refused(node, reply, args);
        if (!isPassing(reply)) throw error.code === unexpected ? answered(node, args, reply) : error;
        problem = error;
      } catch (error) {
        if (!(error instanceof ServiceUnavailable)) throw error;
        if (error instanceof ConnectionLost && !idempotent) throw error;
        if (error instanceof ConnectionLost) repeated?.();
        problem = error;
      }
      await retrier.pause(problem);
      // Where that fails, the next attempt says why.
      await this.refresh().catch(() => {});
    }
  }

  /**
   * Does what only reads again, for up to the request time-out from the first failure, while a server is away or its
   * connection is lost.
   * @throws ServiceUnavailable when that time is over; the signal's reason; whatever else the work throws
   */
  async retried<T>(work: () => Promise<T>): Promise<T> {
    const retrier = new Retrier(this.options.requestTimeoutMs, this.#stopped);
    for (;;) {
      try {
        return await work();
      } catch (error) {
        if (!(error instanceof ServiceUnavailable)) throw error;
        await retrier.pause(error);
        // Where that fails, the next attempt says why.
        await this.refresh().catch(() => {});
      }
    }
  }

  close(): void {
    this.#closing.abort(lostConnection(this.target, 'closed'));
    for (const connection of this.#connections.values())
      connection.then((open) => open.close()).catch(() => {});
  }

  async #asking(address: RedisAddress, args: readonly CommandPart[]): Promise<Reply> {
    const connection = await this.connect(address);
    const [, answer] = await connection.pipeline(askingCommand + encodeCommand(args), 2);
    return answer!;
  }

  async #ask(connection: RedisConnection, args: CommandPart[]): Promise<Reply> {
    try {
      return await connection.call(args);
    } catch (error) {
      throw error instanceof RedisError ? refused(connection.node, error, args) : error;
    }
  }

  /** Any node that answers: one that is known to serve slots, else a seed. */
  async #anyNode(): Promise<RedisConnection> {
    let failure: unknown;
    const known = this.#masters.flatMap(({ address, replicas }) => [address, ...replicas]);
    const tried = new Set<string>();
    for (const address of [...known, ...this.seeds]) {
      if (tried.has(nodeName(address))) continue;
      tried.add(nodeName(address));
      try {
        return await this.connect(address);
      } catch (error) {
        this.#stopped.throwIfAborted();
        failure ??= error;
      }
    }
    throw failure;
  }

  #readSlots(served: ServedSlots[], seedHost: string): void {
    const byName = new Map<string, RedisNode>();
    this.#bySlot = [];
    const addressOf = ({ host, port }: RedisAddress) => ({ host: host || seedHost, port });
    for (const { from, to, nodes } of served) {
      const [address, ...replicas] = nodes.map(addressOf);
      const node = nodeName(address!);
      const master = byName.get(node) ?? { node, address: address!, ranges: [], replicas };
      master.ranges.push([from, to]);
      byName.set(node, master);
      for (let slot = from; slot <= to; slot++) this.#bySlot[slot] = master;
    }
    this.#masters = [...byName.values()].sort((a, b) => a.ranges[0]![0] - b.ranges[0]![0]);
  }
}

/** A line of CLUSTER SLOTS: the master and its replicas; a node without a host is on that of the node that answers. */
interface ServedSlots {
  from: number;
  to: number;
  nodes: RedisAddress[];
}

/** @throws ServiceUnavailable when it is something else. */
function readSlots(reply: Reply, answeredBy: string): ServedSlots[] {
  return asList(reply, answeredBy).map((line) => {
    const [from, to, ...nodes] = asList(line, answeredBy);
    if (nodes.length === 0) throw notAsked(answeredBy);
    const slot = (bound: Reply | undefined) => {
      const number = asNumber(bound, answeredBy);
      if (number < 0 || number >= slotCount) throw notAsked(answeredBy);
      return number;
    };
    const address = (node: Reply): RedisAddress => {
      const [host, port] = asList(node, answeredBy);
      return { host: host === null ? '' : asText(host, answeredBy), port: asNumber(port, answeredBy) };
    };
    return { from: slot(from), to: slot(to), nodes: nodes.map(address) };
  });
}

export function nodeName({ host, port }: RedisAddress): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** Where a MOVED or ASK error points; one without a host means the host that answered. */
export function redirectAddress(error: RedisError, answeredBy: RedisAddress): RedisAddress {
  const target = error.message.split(' ')[2] ?? '';
  const colon = target.lastIndexOf(':');
  return { host: target.slice(0, colon) || answeredBy.host, port: Number(target.slice(colon + 1)) };
}

/** INFO's lines `name:value`. */
export function parseInfo(text: string): Record<string, string> {
  const info: Record<string, string> = {};
  for (const line of text.split('\r\n')) {
    const colon = line.indexOf(':');
    if (colon > 0 && !line.startsWith('#')) info[line.slice(0, colon)] = line.slice(colon + 1);
  }
  return info;
}

/** @param info of the Sentinel: `master0:name=mymaster,status=ok,address=10.0.0.1:6379,…` for each master */
function isSentinel(node: string, info: Readonly<Record<string, string>>): UserError {
  const masters = Object.entries(info).flatMap(([name, text]) => {
    if (!/^master\d+$/.test(name)) return [];
    const facts = new Map(text.split(',').map((fact) => fact.split('=') as [string, string]));
    return [`${facts.get('name')} is redis://${facts.get('address')}`];
  });
  return new UserError(`Redis at ${node} is a Sentinel, which holds no keys`, {
    code: 'REDIS_SENTINEL',
    hint: `Give the URL of the master${masters.length === 0 ? '' : `: ${masters.join(', ')}`}.`,
  });
}
