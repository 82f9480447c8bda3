import type { ByteString } from '../../core/bytes.js';
import type { Clock } from '../../core/clock.js';
import type { Found, Lease, Lookup } from '../keyed-level.js';
import type { GuardedLevel } from './guarded-level.js';
import { unwrapTags, type Tags } from './tags.js';

/** Makes a value that no level has; undefined: there is none. */
export type Load = () => Promise<Found | undefined>;

export interface ReadStats {
  loads: number;
  loadFailures: number;
  /** Reads that waited for another read of the same key instead of doing it all again. */
  joins: number;
  earlyRefreshes: number;
  /** Loaded values that a level refused because its key had changed meanwhile. */
  refusedFills: number;
}

interface Flight {
  result: Promise<Found | undefined> | undefined;
  loads: boolean;
}

interface Missed {
  level: GuardedLevel;
  lease: Lease;
  /** There is a value, which will not do. */
  replace: boolean;
}

/** Asks the levels in their order, loads what none has, and fills those that missed, from the last to the first. */
export class Reads {
  readonly stats: ReadStats = { loads: 0, loadFailures: 0, joins: 0, earlyRefreshes: 0, refusedFills: 0 };
  private readonly flights = new Map<ByteString, Flight>();
  private readonly refreshing = new Set<ByteString>();

  constructor(
    private readonly tags: Tags,
    private readonly clock: Clock,
    /** From 0 to 1, 0 excluded. */
    private readonly random: () => number,
  ) {}

  /** Where the first level is in the process and has a value that holds. */
  atOnce(key: ByteString, levels: readonly GuardedLevel[]): Found | undefined {
    const [first] = levels;
    if (first?.level.peek === undefined) return undefined;
    const found = first.peek(key);
    if (!found) return undefined;
    const tagged = unwrapTags(found.value);
    return tagged === undefined || this.tags.validAtOnce(tagged) ? found : undefined;
  }

  /** Concurrent reads of a key are one. @throws what `load` throws. */
  read(key: ByteString, levels: readonly GuardedLevel[], load?: Load): Promise<Found | undefined> {
    const flight = this.flights.get(key);
    if (flight && (flight.loads || !load)) {
      this.stats.joins++;
      return flight.result!;
    }
    const own: Flight = { result: undefined, loads: load !== undefined };
    this.flights.set(key, own);
    const first = levels[0]!.lookup(key);
    const rest = (): Promise<Found | undefined> => this.fetch(key, levels, first, load, own);
    // Most reads end here, so they do without what the others need.
    own.result = first.then(({ found }) => {
      if (!found || unwrapTags(found.value)) return rest();
      this.flights.delete(key);
      return found;
    }, rest);
    return own.result;
  }

  /** The key was written in this process: later reads must not join one that may have seen what was before. */
  forget(key: ByteString): void {
    this.flights.delete(key);
  }

  /**
   * Whether to compute a value again before its time is over, the likelier the nearer the end and the longer it takes:
   * A. Vattani, F. Chierichetti, K. Lowenstein, Optimal Probabilistic Cache Stampede Prevention, VLDB 2015 (XFetch).
   */
  isDue({ expiresAt, costMs }: Found, beta: number): boolean {
    if (expiresAt === undefined || costMs === undefined || beta <= 0) return false;
    return this.clock.monotonic() - costMs * beta * Math.log(this.random()) >= expiresAt;
  }

  /** Computes again in the background while readers get the value there is; a failure leaves it. */
  refresh(key: ByteString, levels: readonly GuardedLevel[], beta: number, load: Load): void {
    if (this.refreshing.has(key)) return;
    this.refreshing.add(key);
    this.stats.earlyRefreshes++;
    void this.fetch(key, levels, levels[0]!.lookup(key), load, undefined, (found) => !this.isDue(found, beta))
      .catch(() => {})
      .finally(() => this.refreshing.delete(key));
  }

  private async fetch(
    key: ByteString,
    levels: readonly GuardedLevel[],
    first: Promise<Lookup>,
    load: Load | undefined,
    own?: Flight,
    wanted?: (found: Found) => boolean,
  ): Promise<Found | undefined> {
    let missed: Missed[] | undefined;
    let bypassed: GuardedLevel[] | undefined;
    let found: Found | undefined;
    try {
      for (const level of levels) {
        try {
          const lookup = await (level === levels[0] ? first : level.lookup(key));
          found = lookup.found;
          if (found && !(wanted && !wanted(found))) {
            const tagged = unwrapTags(found.value);
            if (tagged === undefined || (await this.tags.valid(tagged))) break;
          }
          (missed ??= []).push({ level, lease: lookup.lease, replace: found !== undefined });
        } catch {
          (bypassed ??= []).push(level);
        }
        found = undefined;
      }
      found ??= await this.loaded(load);
      if (!found) return undefined;
      // What is seen now may be newer than what such a level will say when it is back.
      if (bypassed) for (const level of bypassed) level.suspect(key, 'read');
      // Nobody may join an older read after this one, which was left behind by a write, has shown what it found.
      if (this.flights.get(key) !== own) this.forget(key);
      return missed ? await this.fill(key, found, missed) : found;
    } finally {
      this.forget(key);
    }
  }

  private async loaded(load: Load | undefined): Promise<Found | undefined> {
    if (!load) return undefined;
    this.stats.loads++;
    try {
      return await load();
    } catch (error) {
      this.stats.loadFailures++;
      throw error;
    }
  }

  /** @returns what a reader may have: the value, or the one that came to a level meanwhile. */
  private async fill(key: ByteString, value: Found, missed: Missed[]): Promise<Found> {
    let found = value;
    let keep = true;
    for (const { level, lease, replace } of missed.reverse()) {
      try {
        if (keep) {
          if ((await level.fill(key, found, lease, replace)) !== 'refused') continue;
          this.stats.refusedFills++;
          const there = (await level.lookup(key)).found;
          if (there && (await this.holds(there))) {
            found = there;
            continue;
          }
          keep = false;
        }
        // The key was removed: ours may be what was to go, so nobody keeps it. But it is seen now, of which the levels
        // must know: a write or a fill that is older, and under way still, would be taken for the newest otherwise.
        await level.remove(key, undefined);
      } catch {
        level.suspect(key, 'read');
      }
    }
    return found;
  }

  private async holds({ value }: Found): Promise<boolean> {
    const tagged = unwrapTags(value);
    return tagged === undefined || (await this.tags.valid(tagged));
  }
}
