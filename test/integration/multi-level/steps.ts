import { toBytes } from '../../../src/lib/core/bytes.js';
import type { Cluster, HazelcastConnection } from '../../../src/lib/clients/hazelcast/connection.js';
import type {
  Found,
  Lease,
  Lookup,
  KeyedWriteOutcome,
  KeyedLevel,
} from '../../../src/lib/cache/keyed-level.js';
import { seeded, type Random } from '../../random.js';

/** Lets one step of many concurrent actors continue at a time, in an order that a seed decides. */
export class Steps {
  private readonly waiting: { go: () => void; priority: number }[] = [];
  private busy = 0;
  private readonly random: Random;

  constructor(seed: number) {
    this.random = seeded(seed);
  }

  /** A step may wait until nothing else can go: so some answers come very late. */
  step(): Promise<void> {
    return new Promise((go) => this.waiting.push({ go, priority: this.random() }));
  }

  /** A request and its answer, each of which may be under way for long. */
  async call<T>(work: () => Promise<T>): Promise<T> {
    await this.step();
    this.busy++;
    const result = await work().finally(() => this.busy--);
    await this.step();
    return result;
  }

  pick(below: number): number {
    return Math.floor(this.random() * below);
  }

  async run(actors: Promise<unknown>[]): Promise<void> {
    let over = false;
    const all = Promise.all(actors).finally(() => (over = true));
    all.catch(() => {});
    while (!over) {
      await new Promise(setImmediate);
      if (this.busy > 0 || this.waiting.length === 0) continue;
      this.waiting.sort((a, b) => a.priority - b.priority);
      this.waiting.pop()!.go();
    }
    await all;
  }
}

/** A level whose calls are steps. */
export class SteppedLevel implements KeyedLevel {
  readonly name: string;
  readonly type: KeyedLevel['type'];
  constructor(
    protected readonly inner: KeyedLevel,
    protected readonly steps: Steps,
  ) {
    this.name = inner.name;
    this.type = inner.type;
  }
  lookup(key: string): Promise<Lookup> {
    return this.steps.call(() => this.inner.lookup(toBytes(key)));
  }
  lease(key: string): Promise<Lease> {
    return this.steps.call(() => this.inner.lease(toBytes(key)));
  }
  fill(key: string, found: Found, lease: Lease, replace?: boolean): Promise<KeyedWriteOutcome> {
    return this.steps.call(() => this.inner.fill(toBytes(key), found, lease, replace));
  }
  set(key: string, found: Found, version: bigint | undefined, lease?: Lease): Promise<KeyedWriteOutcome> {
    return this.steps.call(() => this.inner.set(toBytes(key), found, version, lease));
  }
  remove(key: string, version: bigint | undefined): Promise<boolean> {
    return this.steps.call(() => this.inner.remove(toBytes(key), version));
  }
  close(): Promise<void> {
    return Promise.resolve();
  }
}

/** The guards taken away, one kind at a time. */
export class UnguardedLevel extends SteppedLevel {
  constructor(
    inner: KeyedLevel,
    steps: Steps,
    private readonly without: 'versions' | 'leases',
  ) {
    super(inner, steps);
  }
  override fill(key: string, found: Found, lease: Lease, replace?: boolean): Promise<KeyedWriteOutcome> {
    if (this.without === 'versions') return super.fill(key, found, lease, replace);
    return this.steps.call(() => this.inner.set(toBytes(key), found, undefined));
  }
  override set(
    key: string,
    found: Found,
    version: bigint | undefined,
    lease?: Lease,
  ): Promise<KeyedWriteOutcome> {
    return super.set(key, found, this.without === 'versions' ? undefined : version, lease);
  }
}

/** A connection to Hazelcast whose single operations on the maps are steps. */
export function steppedConnection(
  connection: HazelcastConnection,
  steps: Steps,
): Pick<HazelcastConnection, 'run' | 'close'> {
  const stepped = <T extends object>(map: T): T =>
    new Proxy(map, {
      get(target, name) {
        const method = Reflect.get(target, name) as (...args: unknown[]) => Promise<unknown>;
        return (...args: unknown[]) => steps.call(() => method.apply(target, args));
      },
    });
  const wrapped = (cluster: Cluster): Cluster => ({
    ...cluster,
    map: stepped(cluster.map),
    versions: stepped(cluster.versions),
  });
  return {
    run: (work, signal) => connection.run((cluster) => work(wrapped(cluster)), signal),
    close: () => Promise.resolve(),
  };
}
