import { connect, type Socket } from 'node:net';

export type Answer = string | number | null | Error | Answer[];

/** What a server holds under a key: strings as Latin-1 of their bytes, hashes as objects. */
export interface Held {
  readonly value: string | Record<string, string>;
  /** Milliseconds; -1 never expires. */
  readonly ttlMs: number;
}

/** A connection to one Redis server that shares no code with metrify: the oracle of what is there. */
export class Probe {
  #received = Buffer.alloc(0);
  #wake: () => void = () => undefined;
  #ended: Error | undefined;

  private constructor(private readonly socket: Socket) {
    socket.on('data', (data) => {
      this.#received = Buffer.concat([this.#received, data]);
      this.#wake();
    });
    socket.on('error', (error) => this.#end(error));
    socket.on('close', () => this.#end(new Error('the connection was closed')));
  }

  static async connect(port: number, database = 0): Promise<Probe> {
    const socket = connect({ port, host: '127.0.0.1' });
    const probe = new Probe(socket);
    if (database > 0) await probe.ask('SELECT', String(database));
    return probe;
  }

  /** Runs `use` with a connection of its own. */
  static async with<T>(port: number, database: number, use: (probe: Probe) => Promise<T>): Promise<T> {
    const probe = await Probe.connect(port, database);
    try {
      return await use(probe);
    } finally {
      probe.close();
    }
  }

  async ask(...args: string[]): Promise<Answer> {
    const [answer] = await this.askAll([args]);
    if (answer instanceof Error) throw answer;
    return answer!;
  }

  /** Errors among the answers are values. Arguments are Latin-1 of their bytes. */
  async askAll(commands: readonly (readonly string[])[]): Promise<Answer[]> {
    const answers: Answer[] = [];
    for (let at = 0; at < commands.length; at += 2000) {
      const some = commands.slice(at, at + 2000);
      const parts = some.flatMap((args) => [
        `*${args.length}\r\n`,
        ...args.map((arg) => `$${arg.length}\r\n${arg}\r\n`),
      ]);
      this.socket.write(Buffer.from(parts.join(''), 'latin1'));
      answers.push(...(await this.#receive(some.length)));
    }
    return answers;
  }

  /** Every key that matches, with its value and time to live. */
  async dump(pattern = '*'): Promise<Map<string, Held>> {
    const keys = (await this.ask('KEYS', pattern)) as string[];
    const answers = await this.askAll(
      keys.flatMap((key) => [
        ['GET', key],
        ['PTTL', key],
      ]),
    );
    const held = new Map<string, Held>();
    for (const [i, key] of keys.entries()) {
      const value = answers[2 * i]!;
      const ttlMs = answers[2 * i + 1] as number;
      if (typeof value === 'string') held.set(key, { value, ttlMs });
      else if (value instanceof Error) held.set(key, { value: await this.#fields(key), ttlMs });
    }
    return held;
  }

  close(): void {
    this.socket.destroy();
  }

  async #fields(key: string): Promise<Record<string, string>> {
    const list = (await this.ask('HGETALL', key)) as string[];
    const fields: Record<string, string> = {};
    for (let i = 0; i < list.length; i += 2) fields[list[i]!] = list[i + 1]!;
    return fields;
  }

  async #receive(count: number): Promise<Answer[]> {
    for (;;) {
      const read = readAnswers(this.#received, count);
      if (read) {
        this.#received = this.#received.subarray(read.end);
        return read.answers;
      }
      if (this.#ended) throw this.#ended;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  #end(error: Error): void {
    this.#ended ??= error;
    this.#wake();
  }
}

function readAnswers(bytes: Buffer, count: number): { answers: Answer[]; end: number } | undefined {
  const answers: Answer[] = [];
  let end = 0;
  for (let i = 0; i < count; i++) {
    const read = readAnswer(bytes, end);
    if (!read) return undefined;
    answers.push(read.answer);
    end = read.end;
  }
  return { answers, end };
}

function readAnswer(bytes: Buffer, start: number): { answer: Answer; end: number } | undefined {
  const lineEnd = bytes.indexOf('\r\n', start, 'latin1');
  if (lineEnd < 0) return undefined;
  const line = bytes.toString('latin1', start + 1, lineEnd);
  const end = lineEnd + 2;
  switch (String.fromCharCode(bytes[start]!)) {
    case '+':
      return { answer: line, end };
    case '-':
      return { answer: new Error(line), end };
    case ':':
      return { answer: Number(line), end };
    case '$': {
      const length = Number(line);
      if (length < 0) return { answer: null, end };
      if (bytes.length < end + length + 2) return undefined;
      return { answer: bytes.toString('latin1', end, end + length), end: end + length + 2 };
    }
    default: {
      const read = readAnswers(bytes.subarray(end), Number(line));
      return read && { answer: read.answers, end: end + read.end };
    }
  }
}

/** What the masters of a cluster hold together, asked through any node that runs. */
export async function dumpCluster(port: number, pattern = '*'): Promise<Map<string, Held>> {
  const nodes = (await Probe.with(port, 0, (probe) => probe.ask('CLUSTER', 'NODES'))) as string;
  const masters = nodes
    .split('\n')
    .filter((line) => line.includes('master') && !line.includes('fail'))
    .map((line) => Number(/:(\d+)@/.exec(line)![1]));
  const held = new Map<string, Held>();
  for (const master of masters)
    for (const [key, value] of await Probe.with(master, 0, (probe) => probe.dump(pattern))) {
      if (held.has(key)) throw new Error(`${key} is on two masters`);
      held.set(key, value);
    }
  return held;
}
