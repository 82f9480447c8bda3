import type { ByteString } from '../../core/bytes.js';
import type { Clock } from '../../core/clock.js';
import { ServiceUnavailable } from '../../core/errors.js';
import { formatDuration } from '../../core/units.js';
import type { Found, Lease, Lookup, KeyedWriteOutcome, KeyedLevel } from '../keyed-level.js';
import { Breaker, type BreakerSettings } from './breaker.js';
import { type Call, Deadlines } from './deadlines.js';
import { LatencyBuckets } from '../../measure/latency-buckets.js';

export interface GuardedLevelOptions {
  level: KeyedLevel;
  /** Milliseconds; no entry of this level lives longer. */
  ttlMs?: number | undefined;
  /** Milliseconds a call may take before the level counts as failing. Default 200. */
  timeoutMs?: number | undefined;
  breaker?: BreakerSettings | undefined;
}

export interface LevelStats {
  name: string;
  hits: number;
  misses: number;
  /** Calls that failed or took too long. */
  failures: number;
  /** Calls not made because the breaker was open. */
  skipped: number;
  breaker: 'closed' | 'open';
  trips: number;
  /** Keys of which this level may hold an older value than was seen; they are removed before they are read again. */
  suspects: number;
  /** Of lookups; inside the process one in 64 is timed. */
  latencyMs: { count: number; p50: number; p90: number; p99: number; p999: number };
}

const mostSuspects = 100_000;
const timedPeeks = 64;

/** A level within its time-out, skipped while it is down. */
export class GuardedLevel {
  readonly name: string;
  readonly level: KeyedLevel;
  private readonly ttlMs: number | undefined;
  private readonly timeoutMs: number;
  private readonly breaker: Breaker;
  private readonly deadlines: Deadlines;
  private readonly latency = new LatencyBuckets();
  private hits = 0;
  private misses = 0;
  private failures = 0;
  private skipped = 0;
  private peeks = 0;
  /** Whether each is of a write that failed, or of a read that had to go without this level. */
  private readonly suspects = new Map<ByteString, 'write' | 'read'>();

  constructor(
    { level, ttlMs, timeoutMs = 200, breaker = {} }: GuardedLevelOptions,
    private readonly clock: Clock,
  ) {
    this.level = level;
    this.name = level.name;
    this.ttlMs = ttlMs;
    this.timeoutMs = timeoutMs;
    this.breaker = new Breaker(breaker, clock);
    this.deadlines = new Deadlines(clock);
  }

  /** At once, where the level is inside the process. */
  peek(key: ByteString): Found | undefined {
    const timed = ++this.peeks % timedPeeks === 0;
    const startedAt = timed ? this.clock.monotonic() : 0;
    const found = this.level.peek!(key);
    if (found) this.hits++;
    if (timed) this.latency.record(this.clock.monotonic() - startedAt);
    return found;
  }

  /** @throws ServiceUnavailable when the level failed, took too long, or is skipped. */
  lookup(key: ByteString): Promise<Lookup> {
    const suspect = this.suspects.size > 0 && this.suspects.has(key);
    return this.run(() => (suspect ? this.mend(key) : this.level.lookup(key)), true);
  }

  lease(key: ByteString): Promise<Lease> {
    return this.run(() => this.level.lease(key));
  }

  async fill(key: ByteString, found: Found, lease: Lease, replace: boolean): Promise<KeyedWriteOutcome> {
    const capped = this.capped(found);
    if (capped.expiresAt !== undefined && capped.expiresAt <= this.clock.monotonic()) {
      // Over already; but it was seen, and the level has to know that the key moved on.
      await this.remove(key, undefined);
      return 'unfit';
    }
    return this.run(() => this.level.fill(key, capped, lease, replace));
  }

  async set(
    key: ByteString,
    found: Found,
    version: bigint | undefined,
    lease?: Lease,
  ): Promise<KeyedWriteOutcome> {
    const outcome = await this.run(() => this.level.set(key, this.capped(found), version, lease));
    if (version === undefined) this.suspects.delete(key);
    return outcome;
  }

  async remove(key: ByteString, version: bigint | undefined): Promise<boolean> {
    const removed = await this.run(() => this.level.remove(key, version));
    if (version === undefined) this.suspects.delete(key);
    return removed;
  }

  /**
   * From now on nothing of this key is believed to this level until it was removed there. A version that is written
   * meanwhile does not help: what was seen elsewhere may be newer still.
   */
  suspect(key: ByteString, why: 'write' | 'read'): void {
    if (this.suspects.get(key) === 'write') return;
    this.suspects.set(key, why);
    if (this.suspects.size > mostSuspects) this.suspects.delete(this.suspects.keys().next().value!);
  }

  stats(): LevelStats {
    const { latency } = this;
    return {
      name: this.name,
      hits: this.hits,
      misses: this.misses,
      failures: this.failures,
      skipped: this.skipped,
      breaker: this.breaker.state,
      trips: this.breaker.trips,
      suspects: this.suspects.size,
      latencyMs: {
        count: latency.count,
        p50: latency.quantile(0.5),
        p90: latency.quantile(0.9),
        p99: latency.quantile(0.99),
        p999: latency.quantile(0.999),
      },
    };
  }

  private capped(found: Found): Found {
    if (this.ttlMs === undefined) return found;
    const latest = this.clock.monotonic() + this.ttlMs;
    const { value, expiresAt = latest, costMs, version } = found;
    return { value, expiresAt: Math.min(expiresAt, latest), costMs, version };
  }

  private async mend(key: ByteString): Promise<Lookup> {
    await this.level.remove(key, undefined);
    this.suspects.delete(key);
    return this.level.lookup(key);
  }

  /** Others read this level too, so what failed writes left behind goes as soon as it is back. */
  private async mendAll(): Promise<void> {
    for (const [key, why] of this.suspects) {
      if (why !== 'write') continue;
      await this.remove(key, undefined);
    }
  }

  private run<T>(work: () => Promise<T>, isLookup = false): Promise<T> {
    if (!this.breaker.admits()) {
      this.skipped++;
      return Promise.reject(new ServiceUnavailable(`cache level '${this.name}' is skipped while it is down`));
    }
    return new Promise<T>((resolve, reject) => {
      const startedAt = this.clock.monotonic();
      const call = new LevelCall(this, startedAt + this.timeoutMs, reject);
      this.deadlines.add(call);
      work().then(
        (value) => {
          if (call.over) return;
          this.deadlines.done(call);
          // Keys that could not be mended stay suspected, and are tried again.
          if (this.breaker.succeeded()) this.mendAll().catch(() => {});
          if (isLookup) this.count(value as Lookup, startedAt);
          resolve(value);
        },
        (error: Error) => {
          if (call.over) return;
          this.deadlines.done(call);
          call.fail(error);
        },
      );
    });
  }

  /** A call ended badly. */
  failed(): void {
    this.failures++;
    this.breaker.failure();
  }

  private count({ found }: Lookup, startedAt: number): void {
    this.latency.record(this.clock.monotonic() - startedAt);
    if (found) this.hits++;
    else this.misses++;
  }

  tooLate(): ServiceUnavailable {
    return new ServiceUnavailable(
      `cache level '${this.name}' did not answer within ${formatDuration(this.timeoutMs)}`,
    );
  }
}

class LevelCall implements Call {
  over = false;
  constructor(
    private readonly level: GuardedLevel,
    readonly deadline: number,
    private readonly reject: (error: Error) => void,
  ) {}

  late(): void {
    this.fail(this.level.tooLate());
  }

  fail(error: Error): void {
    this.level.failed();
    this.reject(error);
  }
}
