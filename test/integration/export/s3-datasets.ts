import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';

import { expect } from 'vitest';

import { S3Bucket } from '../../../src/lib/clients/s3/bucket.js';
import { type Clock, systemClock } from '../../../src/lib/core/clock.js';
import { type Manifest, parseManifest } from '../../../src/lib/export/manifest.js';
import { S3Target } from '../../../src/lib/export/s3-target.js';
import type { OpenTarget, Target } from '../../../src/lib/export/target.js';
import type { S3Server } from '../../servers/s3.js';

/** Pauses between attempts take no time. */
export const hasty: Clock = { ...systemClock, sleep: async (_, signal) => void signal?.throwIfAborted() };

/** Of a machine that sleeps: only the test has it wake. */
export class PausedClock implements Clock {
  #now = 0;
  now = systemClock.now;
  monotonic = () => this.#now;
  sleep = (_: number, signal?: AbortSignal) =>
    new Promise<void>((_resolve, reject) =>
      signal?.addEventListener('abort', () => reject(signal.reason as Error)),
    );
  slept(ms: number): void {
    this.#now += ms;
  }
}

/** Whatever is waited for is over at once. */
export class WaitingClock implements Clock {
  #now = 0;
  now = systemClock.now;
  monotonic = () => this.#now;
  sleep = async (ms: number, signal?: AbortSignal) => {
    signal?.throwIfAborted();
    this.#now += ms;
  };
}

/** A run that can be killed. */
export interface Run {
  readonly bucket: S3Bucket;
  readonly target: Target;
  /** Ends its requests: nothing that it does arrives any more. */
  kill(): void;
}

export interface RunOptions {
  /** Default: the server itself. */
  readonly endpoint?: string;
  /** Of the lease. */
  readonly clock?: Clock;
  /** The lease that is held looks like that of another host, of whose processes nothing is known. */
  readonly asIfElsewhere?: boolean;
}

export async function startRun(
  s3: S3Server,
  name: string,
  { endpoint = s3.url, clock = systemClock, asIfElsewhere = false }: RunOptions = {},
): Promise<Run> {
  const killed = new AbortController();
  const { signal } = killed;
  const timeouts = { connectTimeoutMs: 60_000, requestTimeoutMs: 60_000 };
  const bucket = await S3Bucket.open(name, { endpoint }, timeouts, { env: s3.env, signal, clock: hasty });
  if (asIfElsewhere) {
    const lease = await bucket.get(leaseKey);
    const holder = JSON.parse(lease!.text) as { identity: object };
    const identity = { ...holder.identity, pidNamespace: 'elsewhere', bootId: 'elsewhere' };
    await bucket.put(leaseKey, JSON.stringify({ ...holder, identity }));
  }
  const options = { clock, temporaryFolder: tmpdir(), signal, grace: signal };
  const target = new S3Target(bucket, { bucket: name, prefix: 'lake' }, options);
  return { bucket, target, kill: () => killed.abort(new Error('killed')) };
}

const leaseKey = 'lake/.metrify-lease.json';
/** Opens the dataset as the next run does, with a look at what it is then. The lease of a dead run is nobody's. */
export async function settled<T>(
  s3: S3Server,
  name: string,
  look: (run: Run, opened: OpenTarget) => Promise<T>,
): Promise<T> {
  const run = await startRun(s3, name);
  try {
    await run.bucket.delete(leaseKey);
    const opened = await run.target.open();
    try {
      return await look(run, opened);
    } finally {
      await opened.close();
    }
  } finally {
    run.bucket.close();
  }
}

/** That the files are those that the manifest names, to the byte, and that nothing is left of other changes. */
export async function assertWhole({ bucket }: Run, opened: OpenTarget): Promise<Manifest | undefined> {
  const manifest = opened.manifest === undefined ? undefined : parseManifest(opened.manifest, 'lake');
  const files = manifest?.files ?? [];
  const named = files.map(({ path }) => path);
  const kept = manifest?.superseded?.map(({ path }) => path) ?? [];
  expect([...(await opened.list())].sort()).toEqual([...named, ...kept].sort());
  for (const { path, sha256 } of files) {
    const found = await bucket.get(`lake/${path}`);
    expect(createHash('sha256').update(found!.text).digest('hex'), path).toBe(sha256);
  }
  const hidden = [];
  for await (const key of bucket.list('lake/.')) hidden.push(key);
  expect(hidden).toEqual([leaseKey]);
  for await (const upload of bucket.uploads.list('')) expect.unreachable(`${upload.key} is left over`);
  return manifest;
}
