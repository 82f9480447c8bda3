import type { ByteString } from '../../core/bytes.js';
import { excerpt } from '../../http/excerpt.js';

/** What an exchange says to a line: it was the answer's last; or more lines follow. */
export const done = -1;
export const more = -2;

/** The server sent what is no answer to what it was asked: nothing that follows on the connection can be trusted. */
export class NotAnAnswer extends Error {
  override readonly name = 'NotAnAnswer';
  constructor(line: string) {
    super(excerpt(line, 60));
  }
}

/** The command was understood, and refused, in the server's own words. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
}

const refusal = /^(?:ERROR$|(?:CLIENT|SERVER)_ERROR\b)/;
/** Answers of one line: of the classic commands, the meta commands, and `version`. */
const single = /^(?:STORED|NOT_STORED|EXISTS|NOT_FOUND|DELETED|(?:HD|NF|NS|EX|EN)(?: .*)?|VERSION .*)$/;

/** @throws NotAnAnswer */
export function refusalOf(line: string): Refusal {
  if (refusal.test(line)) return new Refusal(line);
  throw new NotAnAnswer(line);
}

/** A line that is a whole answer. @throws NotAnAnswer */
export function singleAnswer(line: string): string {
  if (line === 'STORED' || single.test(line) || refusal.test(line)) return line;
  throw new NotAnAnswer(line);
}

/** The length in a `VALUE` line of a key that was asked for. @throws NotAnAnswer */
export function lengthOf(line: string, length: string | undefined, wasAsked: boolean): number {
  if (!wasAsked || length === undefined || !/^\d{1,10}$/.test(length)) throw new NotAnAnswer(line);
  return Number(length);
}

/** Commands that are sent in one write, and what becomes of the answer. */
export interface Exchange {
  /**
   * The commands that have no answer yet. Called again, and answered from there, when the connection was lost in
   * between.
   */
  commands(): string;
  /**
   * Takes a line without its end; returns `done`, `more`, or the length of the data block that follows.
   * @throws NotAnAnswer
   */
  line(line: string): number;
  data?(block: ByteString): void;
  /** The connection was lost before the answer's end. @returns whether what came of it counts. */
  interrupted?(): boolean;
  /** The connection is given up. */
  failed(error: Error): void;
}

/**
 * Many commands of which each is answered by one line. `version` follows them: an answer too many or too few is noticed
 * at its place, before any of them counts.
 */
export class BulkExchange<T> implements Exchange {
  private settledItems = 0;
  private lines: string[] = [];
  private attempts = 0;

  /** @param settled `repeated`: the command was sent before, and that answer was lost. */
  constructor(
    private readonly items: readonly T[],
    private readonly encode: (item: T) => string,
    private readonly settled: (item: T, line: string, repeated: boolean) => void,
    readonly failed: (error: Error) => void,
  ) {}

  commands(): string {
    this.attempts++;
    this.lines = [];
    let text = '';
    for (let i = this.settledItems; i < this.items.length; i++) text += this.encode(this.items[i]!);
    return `${text}version\r\n`;
  }

  line(line: string): number {
    const isLast = this.settledItems + this.lines.length === this.items.length;
    if (isLast !== line.startsWith('VERSION ')) throw new NotAnAnswer(line);
    if (!isLast) {
      this.lines.push(singleAnswer(line));
      return more;
    }
    this.settle();
    return done;
  }

  interrupted(): boolean {
    return this.settle();
  }

  private settle(): boolean {
    const { lines } = this;
    this.lines = [];
    for (const line of lines) this.settled(this.items[this.settledItems++]!, line, this.attempts > 1);
    return lines.length > 0;
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
    this.resolve(singleAnswer(line));
    return done;
  }
}

/** `stats`: names and values. @throws Refusal */
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
    else this.failed(refusalOf(line));
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
      return lengthOf(line, length, this.keys.includes(key as ByteString));
    }
    if (line === 'END') this.resolve(this.values);
    else this.failed(refusalOf(line));
    return done;
  }

  data(block: ByteString): void {
    this.values.set(this.key as ByteString, block);
  }
}
