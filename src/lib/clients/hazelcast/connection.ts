import type * as Hazelcast from 'hazelcast-client';
import type { Client, IMap } from 'hazelcast-client';

import { abortable } from '../../core/abortable.js';
import type { Clock } from '../../core/clock.js';
import { errorMessage, ServiceUnavailable, UserError } from '../../core/errors.js';
import { formatDuration } from '../../core/units.js';
import type { HazelcastSettings, Timeouts } from '../settings.js';
import { hazelcastTarget, type HazelcastTarget } from './address.js';
import { connectProblem, isLost, refusedWork, silent, unreachable, withoutClient } from './errors.js';
import type { Stored } from './strings.js';

export type HazelcastModule = typeof Hazelcast;
export type HazelcastMap = IMap<Stored, Stored>;

/** What work is done with: a client that is connected, and the maps of this configuration. */
export interface Cluster {
  client: Client;
  map: HazelcastMap;
  /** Versions of the keys in the map, for `MultiLevelCache`; see the store. */
  versions: HazelcastMap;
  /** What is under way, to be told when every member is lost: the client leaves some of it without an answer. */
  waiting: Set<(error: Error) => void>;
}

const firstPauseMs = 20;
const longestPauseMs = 500;

/**
 * One client of one cluster. When every member is lost, a new client is made, for as long as the request time-out;
 * work without an answer is done again, so it must bear being repeated.
 */
export class HazelcastConnection {
  /** Times that no member was left of those we knew: the cluster's memory was lost. */
  restarts = 0;
  private current: Promise<Cluster> | undefined;
  private running: Client | undefined;
  private members = new Set<string>();
  private lastProblem: UserError | undefined;
  private readonly closing = new AbortController();

  private constructor(
    readonly target: HazelcastTarget,
    readonly module: HazelcastModule,
    private readonly timeouts: Timeouts,
    private readonly clock: Clock,
  ) {}

  /** @throws ServiceUnavailable, ServiceRefused, the signal's reason; UserError `PACKAGE_MISSING`. */
  static async open(
    settings: HazelcastSettings,
    timeouts: Timeouts,
    clock: Clock,
    signal: AbortSignal,
  ): Promise<HazelcastConnection> {
    const module = await import('hazelcast-client').catch(withoutClient);
    const connection = new HazelcastConnection(hazelcastTarget(settings), module, timeouts, clock);
    try {
      await connection.connected(clock.monotonic() + timeouts.requestTimeoutMs, signal);
    } catch (error) {
      await connection.close();
      throw error;
    }
    return connection;
  }

  /**
   * Does work within the request time-out, again when the members were lost under it. An abort ends the waiting for
   * members that are away, and not for ones that work.
   * @throws ServiceUnavailable, ServiceRefused, the signal's reason, or what the member said is wrong with the work.
   */
  async run<T>(work: (cluster: Cluster) => Promise<T>, signal: AbortSignal): Promise<T> {
    const { requestTimeoutMs } = this.timeouts;
    const deadline = this.clock.monotonic() + requestTimeoutMs;
    for (let pause = firstPauseMs; ; pause = Math.min(2 * pause, longestPauseMs)) {
      try {
        const cluster = await (this.isUp() ? this.current! : this.connected(deadline, signal));
        return await this.answer(work(cluster), deadline, cluster.waiting);
      } catch (error) {
        const lost = isLost(error) || (error instanceof ServiceUnavailable && error === this.lastProblem);
        this.closing.signal.throwIfAborted();
        if (!lost)
          throw error instanceof this.module.HazelcastError ? refusedWork(this.target, error) : error;
        const left = deadline - this.clock.monotonic();
        if (left <= pause)
          throw error instanceof UserError ? error : unreachable(this.target, errorMessage(error), error);
        await this.clock.sleep(pause, AbortSignal.any([signal, this.closing.signal]));
      }
    }
  }

  async close(): Promise<void> {
    this.closing.abort(new Error(`the connection to ${this.target.label} is closed`));
    await this.running?.shutdown();
  }

  /** The promise's outcome; after the deadline, that the members are silent or away. */
  private answer<T>(
    promise: Promise<T>,
    deadline: number,
    waiting: Set<(error: Error) => void> = new Set(),
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      const late = (): void => {
        waiting.delete(reject);
        const problem = this.isUp() ? undefined : this.lastProblem;
        reject(problem ?? silent(this.target, this.timeouts.requestTimeoutMs));
      };
      const timer = setTimeout(late, Math.max(0, deadline - this.clock.monotonic()));
      waiting.add(reject);
      const finish = (): void => {
        clearTimeout(timer);
        waiting.delete(reject);
      };
      promise.finally(finish).then(resolve, reject);
    });
  }

  private isUp(): boolean {
    return this.running?.getLifecycleService().isRunning() === true;
  }

  private connected(deadline: number, signal: AbortSignal): Promise<Cluster> {
    if (this.running && !this.isUp()) this.running = this.current = undefined;
    this.current ??= this.connect().catch((error: UserError) => {
      this.current = undefined;
      this.lastProblem = error;
      throw error;
    });
    return abortable(this.answer(this.current, deadline), AbortSignal.any([signal, this.closing.signal]));
  }

  /** One attempt, within the connect time-out. */
  private async connect(): Promise<Cluster> {
    const warnings: string[] = [];
    const { connectTimeoutMs } = this.timeouts;
    const attempt = this.openClient(warnings);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      const why = `it does not answer within ${formatDuration(connectTimeoutMs)}`;
      timer = setTimeout(() => reject(unreachable(this.target, why)), connectTimeoutMs);
    });
    try {
      const cluster = await Promise.race([attempt, late]);
      this.closing.signal.throwIfAborted();
      this.running = cluster.client;
      this.meet(cluster.client);
      return cluster;
    } catch (error) {
      // One that still comes up is not wanted any more.
      attempt.then(({ client }) => client.shutdown()).catch(() => {});
      throw error instanceof UserError || this.closing.signal.aborted
        ? error
        : connectProblem(this.target, warnings, error);
    } finally {
      clearTimeout(timer);
    }
  }

  private async openClient(warnings: string[]): Promise<Cluster> {
    const waiting = new Set<(error: Error) => void>();
    const changed = (state: string): void => {
      if (state !== 'SHUTTING_DOWN') return;
      for (const reject of waiting) reject(new this.module.ClientNotActiveError('the members are lost'));
      waiting.clear();
    };
    const client = await this.module.Client.newHazelcastClient(this.clientConfig(warnings, changed));
    const { map } = this.target;
    return {
      client,
      map: await client.getMap(map),
      versions: await client.getMap(`${map}:versions`),
      waiting,
    };
  }

  /** A member that is started again has a new name, and its memory is empty. */
  private meet(client: Client): void {
    const members = client.getCluster().getMembers();
    const names = members.map(({ uuid }) => uuid.toString());
    if (this.members.size > 0 && !names.some((name) => this.members.has(name))) this.restarts++;
    this.members = new Set(names);
    client.getCluster().addMembershipListener({
      memberAdded: ({ member }) => void this.members.add(member.uuid.toString()),
      memberRemoved: () => {},
    });
  }

  private clientConfig(warnings: string[], changed: (state: string) => void) {
    const { clusterName, members, credentials } = this.target;
    const { connectTimeoutMs, requestTimeoutMs } = this.timeouts;
    const warn = (_: string, message: string): void => void warnings.push(message);
    const nothing = (): void => {};
    return {
      clusterName,
      network: { clusterMembers: members, connectionTimeout: connectTimeoutMs },
      ...(credentials ? { security: { usernamePassword: credentials } } : {}),
      // Its own reconnecting would neither end in time nor say why it failed.
      connectionStrategy: {
        reconnectMode: this.module.ReconnectMode.OFF,
        connectionRetry: { clusterConnectTimeoutMillis: 0 },
      },
      customLogger: { log: nothing, error: nothing, warn, info: nothing, debug: nothing, trace: nothing },
      lifecycleListeners: [changed],
      properties: {
        'hazelcast.client.heartbeat.timeout': requestTimeoutMs,
        'hazelcast.client.heartbeat.interval': Math.min(5000, Math.max(1, Math.floor(requestTimeoutMs / 3))),
        'hazelcast.client.invocation.timeout.millis': requestTimeoutMs,
        'hazelcast.client.invocation.retry.pause.millis': 50,
      },
    };
  }
}
