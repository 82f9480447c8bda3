import type { ByteString } from '../core/bytes.js';
import type { LevelType } from './settings.js';
import type { Found, Lease, Lookup, KeyedWriteOutcome, KeyedLevel } from './keyed-level.js';

/** A level whose server was away when it was opened: each call tries again, until one succeeds. */
export class LazyLevel implements KeyedLevel {
  private opening: Promise<KeyedLevel> | undefined;

  constructor(
    readonly name: string,
    readonly type: LevelType,
    private readonly open: () => Promise<KeyedLevel>,
  ) {}

  async lookup(key: ByteString): Promise<Lookup> {
    return (await this.level()).lookup(key);
  }

  async lease(key: ByteString): Promise<Lease> {
    return (await this.level()).lease(key);
  }

  async fill(key: ByteString, found: Found, lease: Lease, replace?: boolean): Promise<KeyedWriteOutcome> {
    return (await this.level()).fill(key, found, lease, replace);
  }

  async set(
    key: ByteString,
    found: Found,
    version: bigint | undefined,
    lease?: Lease,
  ): Promise<KeyedWriteOutcome> {
    return (await this.level()).set(key, found, version, lease);
  }

  async remove(key: ByteString, version: bigint | undefined): Promise<boolean> {
    return (await this.level()).remove(key, version);
  }

  async close(): Promise<void> {
    await this.opening?.then(
      (level) => level.close(),
      () => {},
    );
  }

  private level(): Promise<KeyedLevel> {
    this.opening ??= this.open().catch((error: unknown) => {
      this.opening = undefined;
      throw error;
    });
    return this.opening;
  }
}
