import type { Client, IMap } from 'hazelcast-client';

import { abortable } from '../../core/abortable.js';
import type { Clock } from '../../core/clock.js';
import { errorMessage, ServiceRefused, ServiceUnavailable, UserError } from '../../core/errors.js';
import { formatDuration } from '../../core/units.js';
import type { HazelcastSettings, Timeouts } from '../settings.js';
import { hazelcastTarget, type HazelcastTarget } from './address.js';
import { connectProblem, isLost, silent, unreachable } from './errors.js';
import type { Stored } from './strings.js';

export type HazelcastModule = typeof import('hazelcast-client');
export type HazelcastMap = IMap<Stored, Stored>;

/** What work is done with: a client that is connected, and the maps of this configuration. */
export interface Cluster {
  client: Client;
  map: HazelcastMap;
  /** Versions of the keys in the map, for `MultiLevelCache`; see the store. */
  versions: HazelcastMap;
  /** Rejects when the client has lost every member: it leaves some of what is under way without an answer. */
  lost: Promise<never>;
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

  /** @throws ServiceUnavailable, ServiceRefused, or the signal's reason. */
  static async open(
    settings: HazelcastSettings,
    timeouts: Timeouts,
    clock: Clock,
    signal: AbortSignal,
  ): Promise<HazelcastConnection> {
    const module = await import('hazelcast-client');
    const connection = new HazelcastConnection(hazelcastTarget(settings), module, timeouts, clock);
    try {
      await abortable(connection.connected(clock.monotonic() + timeouts.requestTimeoutMs), signal);
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
    const away = AbortSignal.any([signal, this.closing.signal]);
    for (let pause = firstPauseMs; ; pause = Math.min(2 * pause, longestPauseMs)) {
      try {
        const cluster = await (this.isUp() ? this.current! : abortable(this.connected(deadline), away));
        return await abortable(
          this.before(deadline, Promise.race([work(cluster), cluster.lost])),
          this.closing.signal,
        );
      } catch (error) {
        const lost = isLost(error) || (error instanceof ServiceUnavailable && error === this.lastProblem);
        if (!lost || error instanceof ServiceRefused || this.closing.signal.aborted) throw error;
        const left = deadline - this.clock.monotonic();
        if (left <= pause)
          throw error instanceof UserError ? error : unreachable(this.target, errorMessage(error), error);
        await this.clock.sleep(pause, away);
      }
    }
  }

  async close(): Promise<void> {
    this.closing.abort(new Error(`the connection to ${this.target.label} is closed`));
    await this.running?.shutdown();
  }

  /** The promise's outcome; after the deadline, that the members are silent or away. */
  private async before<T>(deadline: number, promise: Promise<T>): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      const late = silent(this.target, this.timeouts.requestTimeoutMs);
      const fail = () => reject((this.running ? undefined : this.lastProblem) ?? late);
      timer = setTimeout(fail, Math.max(0, deadline - this.clock.monotonic()));
    });
    try {
      return await Promise.race([promise, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  private isUp(): boolean {
    return this.running?.getLifecycleService().isRunning() === true;
  }

  private connected(deadline: number): Promise<Cluster> {
    if (this.running && !this.isUp()) this.running = this.current = undefined;
    this.current ??= this.connect().catch((error: UserError) => {
      this.current = undefined;
      this.lastProblem = error;
      throw error;
    });
    return this.before(deadline, this.current);
  }

  /** One attempt, within the connect time-out. */
  private async connect(): Promise<Cluster> {
    const warnings: string[] = [];
    const { connectTimeoutMs } = this.timeouts;
    let lose: (error: Error) => void = () => {};
    const lost = new Promise<never>((_, reject) => (lose = reject));
    lost.catch(() => {});
    const changed = (state: string): void => {
      if (state === 'SHUTTING_DOWN') lose(new this.module.ClientNotActiveError('the members are lost'));
    };
    const attempt = this.module.Client.newHazelcastClient(this.clientConfig(warnings, changed));
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      const why = `it does not answer within ${formatDuration(connectTimeoutMs)}`;
      timer = setTimeout(() => reject(unreachable(this.target, why)), connectTimeoutMs);
    });
    let client: Client;
    try {
      client = await Promise.race([attempt, late]);
    } catch (error) {
      // One that still comes up is not wanted any more.
      attempt.then((client) => client.shutdown()).catch(() => {});
      throw error instanceof UserError ? error : connectProblem(this.target, warnings, error);
    } finally {
      clearTimeout(timer);
    }
    if (this.closing.signal.aborted) {
      await client.shutdown();
      throw this.closing.signal.reason;
    }
    this.running = client;
    this.meet(client);
    const { map } = this.target;
    return {
      client,
      map: await client.getMap(map),
      versions: await client.getMap(`${map}:versions`),
      lost,
    };
  }

  /** A member that is started again has a new name, and its memory is empty. */
  private meet(client: Client): void {
    const members = client.getCluster().getMembers();
    const names = members.map(({ uuid }) => uuid.toString());
    if (this.members.size > 0 && !names.some((name) => this.members.has(name))) this.restarts++;
    this.members = new Set(names);
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
