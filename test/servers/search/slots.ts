/** What a test file asks for, at once. */
export interface Claim<Engine extends string> {
  /** Of the run's servers. */
  readonly shared: readonly Engine[];
  /** Nodes that the file starts by itself. */
  readonly own: number;
}

export interface Stoppable {
  stop(): Promise<void>;
}

interface Running<Server> {
  readonly server: Promise<Server>;
  users: number;
}

interface Waiting<Engine extends string, Server> {
  readonly claim: Claim<Engine>;
  readonly grant: (shared: readonly Running<Server>[]) => void;
}

/**
 * Runs at most `limit` nodes at a time. Claims are met in their order, each as a whole, so that none waits for ever;
 * a server that nobody uses stays, and is stopped when its place is needed, the least recently used one first.
 */
export class Slots<Engine extends string, Server extends Stoppable> {
  readonly #limit: number;
  readonly #start: (engine: Engine) => Promise<Server>;
  /** The least recently used one first. */
  readonly #running = new Map<Engine, Running<Server>>();
  readonly #queue: Waiting<Engine, Server>[] = [];
  /** Nodes that test files have started. */
  #own = 0;
  /** Servers that have not stopped yet. */
  #stopping = 0;

  constructor(limit: number, start: (engine: Engine) => Promise<Server>) {
    this.#limit = limit;
    this.#start = start;
  }

  /** Servers in the order of `claim.shared`, until `release` is called. @throws Error when the claim is beyond the limit, or a server does not start. */
  async take(claim: Claim<Engine>): Promise<{ servers: Server[]; release: () => void }> {
    const wanted = claim.shared.length + claim.own;
    if (wanted > this.#limit) throw new Error(`${wanted} nodes were asked for; ${this.#limit} may run`);
    const shared = await new Promise<readonly Running<Server>[]>((grant) => {
      this.#queue.push({ claim, grant });
      this.#serve();
    });
    let held = true;
    const release = (): void => {
      if (!held) return;
      held = false;
      this.#own -= claim.own;
      for (const running of shared) running.users--;
      this.#serve();
    };
    try {
      return { servers: await Promise.all(shared.map(({ server }) => server)), release };
    } catch (error) {
      release();
      throw error;
    }
  }

  async stop(): Promise<void> {
    await Promise.allSettled([...this.#running.values()].map(async ({ server }) => (await server).stop()));
  }

  #serve(): void {
    for (let next = this.#queue[0]; next && this.#fits(next.claim); next = this.#queue[0]) {
      this.#queue.shift();
      this.#own += next.claim.own;
      next.grant(next.claim.shared.map((engine) => this.#join(engine)));
    }
  }

  /** Whether there is a place for each new node; where there is not, idle servers begin to stop. */
  #fits({ shared, own }: Claim<Engine>): boolean {
    const needed = own + shared.filter((engine) => !this.#running.has(engine)).length;
    const places = this.#limit - this.#own - this.#running.size;
    if (needed <= places - this.#stopping) return true;
    const idle = [...this.#running].filter(([engine, { users }]) => users === 0 && !shared.includes(engine));
    for (const [engine, { server }] of idle.slice(0, Math.max(0, needed - places))) this.#end(engine, server);
    return false;
  }

  #join(engine: Engine): Running<Server> {
    const running = this.#running.get(engine) ?? { server: this.#begin(engine), users: 0 };
    running.users++;
    this.#running.delete(engine);
    this.#running.set(engine, running);
    return running;
  }

  /** A server that does not start gives its place back. */
  #begin(engine: Engine): Promise<Server> {
    const server = this.#start(engine);
    server.catch(() => {
      if (this.#running.get(engine)?.server === server) this.#running.delete(engine);
      this.#serve();
    });
    return server;
  }

  #end(engine: Engine, server: Promise<Server>): void {
    this.#running.delete(engine);
    this.#stopping++;
    const ended = (): void => {
      this.#stopping--;
      this.#serve();
    };
    void server.then((one) => one.stop()).then(ended, ended);
  }
}
