import type { ByteString } from '../../core/bytes.js';

/** What an exchange says to a line: it was the answer's last; or more lines follow. */
export const done = -1;
export const more = -2;

/** Commands that are sent in one write, and what becomes of the answer. */
export interface Exchange {
  /**
   * The commands that have no answer yet. Called again, and answered from there, when the connection was lost in
   * between.
   */
  commands(): string;
  /** Takes a line without its end; returns `done`, `more`, or the length of the data block that follows. */
  line(line: string): number;
  data?(block: ByteString): void;
  /** The connection is given up. */
  failed(error: Error): void;
}

/** Many commands of which each is answered by one line. */
export class BulkExchange<T> implements Exchange {
  private answered = 0;

  constructor(
    private readonly items: readonly T[],
    private readonly encode: (item: T) => string,
    private readonly settled: (item: T, line: string) => void,
    readonly failed: (error: Error) => void,
  ) {}

  commands(): string {
    let text = '';
    for (let i = this.answered; i < this.items.length; i++) text += this.encode(this.items[i]!);
    return text;
  }

  line(line: string): number {
    this.settled(this.items[this.answered++]!, line);
    return this.answered === this.items.length ? done : more;
  }
}

/** A command answered by one line. */
export class LineExchange implements Exchange {
  readonly answer: Promise<string>;
  private resolve!: (line: string) => void;
  failed!: (error: Error) => void;

  constructor(private readonly command: string) {
    this.answer = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.failed = reject;
    });
  }

  commands(): string {
    return `${this.command}\r\n`;
  }

  line(line: string): number {
    this.resolve(line);
    return done;
  }
}

/** `stats`: names and values. @throws Error with the line that is no statistics. */
export class StatsExchange implements Exchange {
  readonly answer: Promise<Map<string, string>>;
  private stats = new Map<string, string>();
  private resolve!: (stats: Map<string, string>) => void;
  failed!: (error: Error) => void;

  constructor(private readonly section = '') {
    this.answer = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.failed = reject;
    });
  }

  commands(): string {
    this.stats = new Map();
    return this.section === '' ? 'stats\r\n' : `stats ${this.section}\r\n`;
  }

  line(line: string): number {
    const match = /^STAT (\S+) (.*)$/.exec(line);
    if (match) {
      this.stats.set(match[1]!, match[2]!);
      return more;
    }
    if (line === 'END') this.resolve(this.stats);
    else this.failed(new Error(line));
    return done;
  }
}

/** `get` of several keys. */
export class GetExchange implements Exchange {
  readonly answer: Promise<Map<ByteString, ByteString>>;
  private values = new Map<ByteString, ByteString>();
  private key = '';
  private resolve!: (values: Map<ByteString, ByteString>) => void;
  failed!: (error: Error) => void;

  constructor(private readonly keys: readonly ByteString[]) {
    this.answer = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.failed = reject;
    });
  }

  commands(): string {
    this.values = new Map();
    return `get ${this.keys.join(' ')}\r\n`;
  }

  line(line: string): number {
    if (line.startsWith('VALUE ')) {
      const [, key, , length] = line.split(' ');
      this.key = key!;
      return Number(length);
    }
    if (line === 'END') this.resolve(this.values);
    else this.failed(new Error(line));
    return done;
  }

  data(block: ByteString): void {
    this.values.set(this.key as ByteString, block);
  }
}
