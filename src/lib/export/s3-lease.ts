import { randomBytes } from 'node:crypto';

import type { S3Bucket } from '../clients/s3/bucket.js';
import type { Clock } from '../core/clock.js';
import { ServiceConflict, ServiceRefused } from '../core/errors.js';
import {
  hasEnded,
  isRunning,
  ownIdentity,
  type ProcessIdentity,
  readIdentity,
  userName,
} from '../core/process-identity.js';
import { formatDuration } from '../core/units.js';

/** How often the object is rewritten while it is held. */
const renewalMs = 5000;
/** A holder that has not done so for this long is gone. */
const lapseMs = 30_000;
const lookMs = 1000;

interface Holder {
  /** Different for every attempt. */
  readonly token: string;
  readonly user: string;
  readonly startedAt: string;
  readonly identity: ProcessIdentity;
  /** Makes each renewal another object. */
  readonly renewals: number;
}

/**
 * The right to change what is below a prefix: an object that is created, and replaced, by conditional writes only. Its age is
 * measured by watching it, so that no clocks are compared.
 */
export class S3Lease {
  readonly #bucket: S3Bucket;
  readonly #key: string;
  readonly #clock: Clock;
  readonly #ended = new AbortController();
  #holder: Holder;
  #etag: string;
  /** Monotonic. */
  #renewedAt: number;
  #lost: ServiceConflict | undefined;
  readonly #renewing: Promise<void>;

  /**
   * Takes the lease at once where nobody has it, or its holder ran on this host and has ended. Of a holder elsewhere it waits for
   * up to 30 s, to see whether it lives.
   * @param title of what is locked, for messages
   * @throws ServiceConflict `LOCK_HELD`; ServiceRefused where the store ignores conditions; as the bucket
   */
  static async acquire(
    bucket: S3Bucket,
    key: string,
    title: string,
    clock: Clock,
    signal: AbortSignal,
  ): Promise<S3Lease> {
    const holder: Holder = {
      token: randomBytes(12).toString('hex'),
      user: userName(),
      startedAt: new Date(clock.now()).toISOString(),
      identity: await ownIdentity(),
      renewals: 0,
    };
    const text = JSON.stringify(holder);
    let watched: { readonly etag: string; readonly since: number } | undefined;
    for (;;) {
      const found = await bucket.get(key);
      const other = found && readHolder(found.text);
      if (found && other?.token !== holder.token) {
        const isChanged = watched !== undefined && watched.etag !== found.etag;
        if (isChanged || (other && (await runsHere(other.identity, holder.identity))))
          throw held(title, bucket, key, other);
        watched ??= { etag: found.etag, since: clock.monotonic() };
        const lapsed = clock.monotonic() - watched.since >= lapseMs;
        if (!lapsed && !(other && (await hasEnded(other.identity)))) {
          await clock.sleep(lookMs, signal);
          continue;
        }
      }
      const mine = other?.token === holder.token;
      const etag = mine ? found!.etag : await bucket.put(key, text, found ? { etag: found.etag } : 'absent');
      // Somebody was faster, or an attempt whose answer was lost was ours: looking again tells.
      if (etag === undefined) continue;
      if ((await bucket.put(key, text, 'absent')) !== undefined) {
        await bucket.delete(key);
        throw new ServiceRefused(`${bucket.name} ignores If-None-Match, which keeps two runs apart`, {
          code: 'S3_REFUSED',
          hint: 'Export to a folder and copy it, or use a store with conditional writes: AWS, MinIO, Ceph, Cloudflare R2.',
        });
      }
      return new S3Lease(bucket, key, clock, holder, etag);
    }
  }

  private constructor(bucket: S3Bucket, key: string, clock: Clock, holder: Holder, etag: string) {
    this.#bucket = bucket;
    this.#key = key;
    this.#clock = clock;
    this.#holder = holder;
    this.#etag = etag;
    this.#renewedAt = clock.monotonic();
    this.#renewing = this.#renewUntilEnd();
  }

  /**
   * Asks whether it is still held, whatever the clock says: a machine may have slept.
   * @throws ServiceConflict `LEASE_LOST`; as the bucket
   */
  async confirm(): Promise<void> {
    this.check();
    await this.#renew();
    this.check();
  }

  /** @throws ServiceConflict `LEASE_LOST` when it was taken over, or may have been */
  check(): void {
    const age = this.#clock.monotonic() - this.#renewedAt;
    if (age >= lapseMs) this.#lose(`it could not be renewed for ${formatDuration(age)}`);
    if (this.#lost) throw this.#lost;
  }

  async release(): Promise<void> {
    this.#ended.abort();
    await this.#renewing;
    // Whoever took it over has it.
    if (!this.#lost && readHolder((await this.#bucket.get(this.#key))?.text)?.token === this.#holder.token)
      await this.#bucket.delete(this.#key);
  }

  async #renewUntilEnd(): Promise<void> {
    while (!this.#ended.signal.aborted && !this.#lost)
      try {
        await this.#clock.sleep(renewalMs, this.#ended.signal);
        await this.#renew();
      } catch {
        // The end; or a store that does not answer now, of which `check` judges by the time.
      }
  }

  async #renew(): Promise<void> {
    const holder = { ...this.#holder, renewals: this.#holder.renewals + 1 };
    const at = this.#clock.monotonic();
    let etag = await this.#bucket.put(this.#key, JSON.stringify(holder), { etag: this.#etag });
    if (etag === undefined) {
      // Perhaps written by an attempt whose answer was lost.
      const found = await this.#bucket.get(this.#key);
      const other = readHolder(found?.text);
      if (other?.token !== this.#holder.token) return this.#lose(`${who(other)} has taken it`);
      etag = found!.etag;
    }
    this.#holder = holder;
    this.#etag = etag;
    this.#renewedAt = at;
  }

  #lose(why: string): void {
    this.#lost ??= new ServiceConflict(`the lease s3://${this.#bucket.bucket}/${this.#key} is lost: ${why}`, {
      code: 'LEASE_LOST',
      hint: 'This run changes nothing more. What it had noted of its change is settled by the next one. Run it again.',
    });
  }
}

function held(title: string, { bucket }: S3Bucket, key: string, holder: Holder | undefined): ServiceConflict {
  return new ServiceConflict(`${title} is held by ${who(holder)}`, {
    code: 'LOCK_HELD',
    hint: `Wait for it to end, or stop it. Its lease is s3://${bucket}/${key}.`,
  });
}

function who(holder: Holder | undefined): string {
  if (holder === undefined) return 'somebody else';
  return `process ${holder.identity.pid} of ${holder.user} since ${holder.startedAt}`;
}

/** Of another container nothing is known. */
async function runsHere(identity: ProcessIdentity, own: ProcessIdentity): Promise<boolean> {
  return identity.pidNamespace === own.pidNamespace && (await isRunning(identity));
}

/** Anybody may have edited it. */
function readHolder(text: string | undefined): Holder | undefined {
  if (text === undefined) return undefined;
  try {
    const holder = JSON.parse(text) as Partial<Holder> | null;
    const identity = readIdentity(holder?.identity);
    const texts = [holder?.token, holder?.user, holder?.startedAt];
    return identity && texts.every((value) => typeof value === 'string')
      ? { ...(holder as Holder), identity }
      : undefined;
  } catch {
    return undefined;
  }
}
