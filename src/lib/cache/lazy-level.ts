import type { ByteString } from '../core/bytes.js';
import type { LevelType } from './bulk-level.js';
import type { Found, Lease, Lookup, Outcome, Store } from './keyed-level.js';

/** A store whose server was away when it was to be opened: each call tries again, until one succeeds. */
export class LazyStore implements Store {
  private opening: Promise<Store> | undefined;

  constructor(
    readonly name: string,
    readonly type: LevelType,
    private readonly open: () => Promise<Store>,
  ) {}

  async lookup(key: ByteString): Promise<Lookup> {
    return (await this.store()).lookup(key);
  }

  async lease(key: ByteString): Promise<Lease> {
    return (await this.store()).lease(key);
  }

  async fill(key: ByteString, found: Found, lease: Lease, replace?: boolean): Promise<Outcome> {
    return (await this.store()).fill(key, found, lease, replace);
  }

  async set(key: ByteString, found: Found, version: bigint | undefined, lease?: Lease): Promise<Outcome> {
    return (await this.store()).set(key, found, version, lease);
  }

  async remove(key: ByteString, version: bigint | undefined): Promise<boolean> {
    return (await this.store()).remove(key, version);
  }

  async close(): Promise<void> {
    await this.opening?.then(
      (store) => store.close(),
      () => {},
    );
  }

  private store(): Promise<Store> {
    this.opening ??= this.open().catch((error: unknown) => {
      this.opening = undefined;
      throw error;
    });
    return this.opening;
  }
}
