import { setImmediate } from 'node:timers/promises';

import type { ByteString } from '../../../src/lib/core/bytes.js';
import type { Clock } from '../../../src/lib/core/clock.js';
import { HttpFailure } from '../../../src/lib/http/failure.js';
import {
  BulkBusy,
  BulkTooLarge,
  type DocumentName,
  type Operation,
  type Outcome,
  type StoredDocument,
} from '../../../src/lib/search/engine.js';
import type { Random } from '../../random.js';

export interface Faults {
  /** Shares of requests. */
  readonly busy: number;
  readonly away: number;
  /** Carried out, in whole or not at all, and the answer lost. */
  readonly lost: number;
  /** Shares of items. */
  readonly again: number;
  readonly blocked: number;
  /** Bytes of sources that one request may have. */
  readonly maxBytes: number;
}

export const noFaults: Faults = { busy: 0, away: 0, lost: 0, again: 0, blocked: 0, maxBytes: Infinity };

interface Stored {
  source: string;
  version: number;
}

/** What a server does with operations, one after the other: the rules of Elasticsearch's documentation in a few lines. */
export class ModelIndex {
  readonly documents = new Map<string, Stored>();

  carryOut({ kind, id, version, source = '' as ByteString }: Operation): Outcome {
    const there = this.documents.get(id);
    const reject = (status: number): Outcome => ({ kind: 'rejected', status, reason: `status ${status}` });
    if (kind === 'update' && !there) return reject(404);
    if (source.includes('"bad"')) return reject(400);
    if (version !== undefined && there && there.version >= Number(version)) return reject(409);
    const next = version === undefined ? (there?.version ?? 0) + 1 : Number(version);
    if (kind === 'delete') {
      this.documents.delete(id);
      return there ? { kind: 'done' } : reject(404);
    }
    if (kind === 'create' && there) return reject(409);
    const changed: unknown =
      kind === 'update' ? { ...JSON.parse(there!.source), ...JSON.parse(source) } : JSON.parse(source);
    this.documents.set(id, { source: JSON.stringify(changed), version: next });
    return { kind: 'done' };
  }

  sources(): [string, string][] {
    return [...this.documents].map(([id, { source }]): [string, string] => [id, source]).sort();
  }
}

/** A server that refuses and loses at random, and otherwise does what the model does. */
export class ModelServer {
  readonly name: string = 'model';
  readonly index = new ModelIndex();
  requests = 0;
  mostAtOnce = 0;
  #underWay = 0;

  constructor(
    private readonly faults: Faults,
    private readonly random: Random,
  ) {}

  async bulk(_: unknown, operations: readonly Operation[]): Promise<Outcome[]> {
    this.requests++;
    this.mostAtOnce = Math.max(this.mostAtOnce, ++this.#underWay);
    for (let turns = Math.floor(this.random() * 4); turns >= 0; turns--) await setImmediate();
    this.#underWay--;
    const { busy, away, lost, maxBytes } = this.faults;
    if (operations.reduce((sum, { source }) => sum + (source?.length ?? 0), 0) > maxBytes)
      throw new BulkTooLarge();
    if (this.random() < busy) throw new BulkBusy(429, 'too much to do', undefined);
    if (this.random() < away) throw new HttpFailure('model', 'unreachable', 'connect', 'connection refused');
    const isLost = this.random() < lost;
    if (isLost && this.random() < 0.3) throw this.#cut();
    const outcomes = operations.map((operation): Outcome => {
      if (this.random() < this.faults.again) return { kind: 'again', reason: 'queue full' };
      if (this.random() < this.faults.blocked) return { kind: 'blocked', reason: 'disk full' };
      return this.index.carryOut(operation);
    });
    if (isLost) throw this.#cut();
    return outcomes;
  }

  async read(_: string, documents: readonly DocumentName[]): Promise<(StoredDocument | undefined)[]> {
    await setImmediate();
    if (this.random() < this.faults.away)
      throw new HttpFailure('model', 'unreachable', 'connect', 'connection refused');
    return documents.map(({ id }) => {
      const stored = this.index.documents.get(id);
      return (
        stored && {
          source: stored.source as ByteString,
          version: String(stored.version),
          revision: String(stored.version),
        }
      );
    });
  }

  #cut(): HttpFailure {
    return new HttpFailure('model', 'closed', 'headers', 'the connection was closed');
  }
}

/** Time that passes only in pauses, and there at once. */
export function leapingClock(): Clock {
  let now = 0;
  return {
    now: () => now,
    monotonic: () => now,
    async sleep(ms, signal) {
      await setImmediate();
      signal?.throwIfAborted();
      now += ms;
    },
  };
}
