import { bytesOf, type ByteString } from '../../core/bytes.js';
import { done, lengthOf, refusalOf, singleAnswer, type Exchange } from './exchange.js';

export interface Item {
  value: ByteString;
  /** The client's own 32 bits. */
  flags: number;
  /** Names this state of the item; `cas` writes only over the same one. */
  cas: string;
}

/** `gets` of several keys, answered in the keys' order: an item read later is no older than one read before. */
export class ItemsExchange implements Exchange {
  readonly answer: Promise<Map<ByteString, Item>>;
  private items = new Map<ByteString, Item>();
  private current: { key: string; flags: number; cas: string } = { key: '', flags: 0, cas: '' };
  private resolve!: (items: Map<ByteString, Item>) => void;
  failed!: (error: Error) => void;

  constructor(private readonly keys: readonly ByteString[]) {
    this.answer = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.failed = reject;
    });
  }

  commands(): string {
    this.items = new Map();
    return `gets ${this.keys.join(' ')}\r\n`;
  }

  line(line: string): number {
    if (line.startsWith('VALUE ')) {
      const [, key, flags, length, cas] = line.split(' ');
      this.current = { key: key!, flags: Number(flags), cas: cas! };
      return lengthOf(line, length, this.keys.includes(key as ByteString));
    }
    if (line === 'END') this.resolve(this.items);
    else this.failed(refusalOf(line));
    return done;
  }

  data(block: ByteString): void {
    const { key, flags, cas } = this.current;
    // A copy: a part of the answer's text would keep all of it in memory for as long as the value is kept.
    this.items.set(key as ByteString, { value: bytesOf(Buffer.from(block, 'latin1')), flags, cas });
  }
}

/** Writes one item: in any case (`set`), only where there is none (`add`), or only over a known state (`cas`). */
export class StoreExchange implements Exchange {
  readonly answer: Promise<string>;
  private resolve!: (line: string) => void;
  failed!: (error: Error) => void;
  private readonly command: string;

  constructor(
    verb: 'set' | 'add' | 'cas',
    {
      key,
      value,
      flags,
      expiry,
      cas,
    }: { key: ByteString; value: ByteString; flags: number; expiry: number; cas?: string | undefined },
  ) {
    const token = verb === 'cas' ? ` ${cas}` : '';
    this.command = `${verb} ${key} ${flags} ${expiry} ${value.length}${token}\r\n${value}\r\n`;
    this.answer = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.failed = reject;
    });
  }

  commands(): string {
    return this.command;
  }

  line(line: string): number {
    this.resolve(singleAnswer(line));
    return done;
  }
}
