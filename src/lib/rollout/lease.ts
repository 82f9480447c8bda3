import { withTimeout } from '../core/abort.js';
import type { Clock } from '../core/clock.js';
import { errorMessage, ServiceConflict, ServiceUnavailable } from '../core/errors.js';
import { formatDuration } from '../core/units.js';

/** As `coordination.k8s.io/v1` has it. Times in milliseconds since the epoch, on the store's clock. */
export interface LeaseRecord {
  /** Empty when nobody holds it. */
  readonly holder: string;
  readonly acquiredAt: number;
  readonly renewedAt: number;
  readonly durationMs: number;
  readonly transitions: number;
}

/** Where a route's lease is kept: a Lease object beside it, or a file. */
export interface LeaseStore {
  /** For people: `Lease metering/metrify-web`. */
  readonly name: string;
  /** The store's own time: the API server's `Date`, or this host's clock for a file. */
  now(): number;
  /** `version` is undefined when there is no lease yet. */
  read(signal: AbortSignal): Promise<{ record: LeaseRecord | undefined; version: string | undefined }>;
  /**
   * Replaces what was read. @returns the new version.
   * @throws ServiceConflict when somebody wrote it since.
   */
  write(record: LeaseRecord, version: string | undefined, signal: AbortSignal): Promise<string>;
}

/** While a command runs, its lease is renewed three times in this time; a killed one's is over after it. */
export const LEASE_DURATION_MS = 15_000;

export interface LeaseOptions {
  /** Who asks: `ann@build-7 (4711)`. */
  readonly holder: string;
  /** Take it even from a live holder. */
  readonly takeOver: boolean;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** A lease while it is held. */
export interface HeldLease {
  /** Aborted, with the reason, when the lease is lost: taken over, or not renewed in time. */
  readonly signal: AbortSignal;
  /** Asks the store whether it is still held, for the moment before a change. @throws ServiceConflict when it is not */
  confirm(): Promise<void>;
}

/**
 * Runs the work while nobody else may. The work's signal is aborted with `options.signal` too.
 * @throws ServiceConflict when somebody else holds it; ServiceUnavailable, ServiceRefused of the store.
 */
export async function holdLease<T>(
  store: LeaseStore,
  options: LeaseOptions,
  work: (lease: HeldLease) => Promise<T>,
): Promise<T> {
  const lease = await acquire(store, options);
  const lost = new AbortController();
  const done = new AbortController();
  const renewing = renew(store, lease, options.clock, lost, done.signal);
  const confirm = async () => {
    lost.signal.throwIfAborted();
    // A store that does not answer says nothing; renewing it will tell.
    const found = await store.read(AbortSignal.timeout(CONFIRM_WITHIN_MS)).catch(() => undefined);
    if (found?.record && !isSame(found.record, lease.record)) lost.abort(takenOver(found.record));
    lost.signal.throwIfAborted();
  };
  try {
    return await work({ signal: AbortSignal.any([options.signal, lost.signal]), confirm });
  } finally {
    done.abort();
    await renewing;
    if (!lost.signal.aborted) await release(store, lease, options.signal.aborted ? 1000 : 5000);
  }
}

const CONFIRM_WITHIN_MS = 1000;

interface Held {
  record: LeaseRecord;
  /** Undefined: somebody deleted it. */
  version: string | undefined;
}

async function acquire(store: LeaseStore, { holder, takeOver, signal }: LeaseOptions): Promise<Held> {
  let asked: LeaseRecord | undefined;
  for (let attempt = 0; ; attempt++) {
    const { record, version } = await store.read(signal);
    // The answer to our own write may have been lost. A name alone proves nothing: containers share names and pids.
    if (record && asked && isSame(record, asked)) return { record, version };
    // Stores keep whole milliseconds.
    const now = Math.floor(store.now());
    if (record && isHeld(record, now) && !takeOver) throw heldBy(store, record);
    asked = {
      holder,
      acquiredAt: now,
      renewedAt: now,
      durationMs: LEASE_DURATION_MS,
      transitions: (record?.transitions ?? -1) + 1,
    };
    try {
      return { record: asked, version: await store.write(asked, version, signal) };
    } catch (error) {
      // Somebody else was faster; who it was stands in the record now.
      if (!(error instanceof ServiceConflict) || attempt === 2) throw error;
    }
  }
}

/** Whether somebody holds it now. */
export function isHeld({ holder, renewedAt, durationMs }: LeaseRecord, now: number): boolean {
  return holder !== '' && now < renewedAt + durationMs;
}

/** Whether nobody else took it between the two. */
function isSame(a: LeaseRecord, b: LeaseRecord): boolean {
  return a.holder === b.holder && a.acquiredAt === b.acquiredAt && a.transitions === b.transitions;
}

function heldBy(store: LeaseStore, record: LeaseRecord): ServiceConflict {
  const left = Math.max(1000, record.renewedAt + record.durationMs - store.now());
  return new ServiceConflict(`${record.holder} is at work on this rollout (${store.name})`, {
    code: 'LEASE_HELD',
    hint: `Wait for it (a killed one's lease is over in ${formatDuration(left)}), or add --take-over.`,
  });
}

function takenOver({ holder }: LeaseRecord): ServiceConflict {
  return new ServiceConflict(`${holder || 'somebody else'} took this rollout over`, {
    code: 'LEASE_LOST',
    hint: GO_ON,
  });
}

const GO_ON = 'Look with status; promote or abort continues from there.';

/** Renews it until `done`, again and again where that fails, and gives it up before anybody else may take it. */
async function renew(
  store: LeaseStore,
  lease: Held,
  clock: Clock,
  lost: AbortController,
  done: AbortSignal,
): Promise<void> {
  let renewed = clock.monotonic();
  let pause = LEASE_DURATION_MS / 3;
  while (!done.aborted) {
    try {
      await clock.sleep(pause, done);
      const left = renewed + LEASE_DURATION_MS - clock.monotonic();
      const asked = clock.monotonic();
      const record = { ...lease.record, renewedAt: store.now() };
      const patienceMs = Math.max(1000, Math.min(left, LEASE_DURATION_MS / 3));
      lease.version = await withTimeout(done, patienceMs, (within) =>
        store.write(record, lease.version, within),
      );
      lease.record = record;
      renewed = asked;
      pause = LEASE_DURATION_MS / 3;
    } catch (error) {
      if (done.aborted) return;
      if (error instanceof ServiceConflict) {
        const now = await store.read(done).catch(() => undefined);
        if (now?.record && !isSame(now.record, lease.record)) return lost.abort(takenOver(now.record));
        // An answer that was lost may have been a yes, and somebody may have deleted it.
        if (now) lease.version = now.version;
      }
      if (clock.monotonic() - renewed >= LEASE_DURATION_MS)
        return lost.abort(
          new ServiceUnavailable(
            `${store.name} could not be renewed for ${formatDuration(LEASE_DURATION_MS)}: ${errorMessage(error)}`,
            { code: 'LEASE_LOST', hint: GO_ON, cause: error },
          ),
        );
      pause = 1000;
    }
  }
}

/** A lease that cannot be given back is over by itself. */
async function release(store: LeaseStore, lease: Held, patienceMs: number): Promise<void> {
  const signal = AbortSignal.timeout(patienceMs);
  const free = (version: string | undefined) =>
    store.write({ ...lease.record, holder: '', renewedAt: store.now() }, version, signal);
  try {
    await free(lease.version).catch(async (error: unknown) => {
      // A renewal that was cut short may have been written all the same.
      const { record, version } = await store.read(signal);
      if (!(error instanceof ServiceConflict) || !record || !isSame(record, lease.record)) throw error;
      await free(version);
    });
  } catch {
    // As above.
  }
}
