import { createHash } from 'node:crypto';
import type { Clock } from '../../../core/clock.js';
import { ServiceConflict } from '../../../core/errors.js';
import { hasEnded, ownIdentity, readIdentity } from '../../../core/process-identity.js';
import type { LeaseRecord, LeaseStore } from '../../lease.js';
import { beside, put, readIfThere } from './files.js';
import { withLock } from './locked.js';

/**
 * A lease in a file beside the configuration, for the operators of one host. In addition to the record the file names its
 * holder's process: when that is gone, nobody holds the lease.
 */
export class FileLease implements LeaseStore {
  readonly name: string;

  constructor(
    configuration: string,
    private readonly clock: Clock,
  ) {
    this.name = beside(configuration, 'lease');
  }

  now(): number {
    return this.clock.now();
  }

  /** A file that metrify did not write is a version without a record: nobody's lease. */
  async read(): Promise<{ record: LeaseRecord | undefined; version: string | undefined }> {
    const content = await readIfThere(this.name);
    return content
      ? { record: await parse(content), version: versionOf(content) }
      : { record: undefined, version: undefined };
  }

  async write(record: LeaseRecord, version: string | undefined, signal: AbortSignal): Promise<string> {
    // A lock of its own: a lease is renewed while a commit is under way.
    return withLock(`${this.name}.lock`, `${this.name}`, signal, async () => {
      if ((await this.read()).version !== version)
        throw new ServiceConflict(`${this.name} was written by somebody else meanwhile`);
      const content = `${JSON.stringify({ ...record, process: await ownIdentity() })}\n`;
      await put(this.name, content);
      return versionOf(Buffer.from(content));
    });
  }
}

function versionOf(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}

async function parse(content: Buffer): Promise<LeaseRecord | undefined> {
  try {
    const lease = JSON.parse(content.toString()) as (Partial<LeaseRecord> & { process?: unknown }) | null;
    if (typeof lease?.holder !== 'string') return undefined;
    const process = readIdentity(lease.process);
    const holder = process && (await hasEnded(process)) ? '' : lease.holder;
    const { acquiredAt, renewedAt, durationMs, transitions } = lease;
    const numbers = [acquiredAt, renewedAt, durationMs, transitions];
    if (!numbers.every((value) => Number.isFinite(value))) return undefined;
    return { holder, acquiredAt, renewedAt, durationMs, transitions } as LeaseRecord;
  } catch {
    return undefined;
  }
}
