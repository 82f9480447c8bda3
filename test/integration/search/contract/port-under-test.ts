import { fromBytes, toBytes } from '../../../../src/lib/core/bytes.js';
import type {
  Hit,
  Operation,
  OperationKind,
  Outcome,
  SearchEngine,
} from '../../../../src/lib/search/engine.js';
import type { Question } from '../../../../src/lib/search/query/question.js';
import { searchServer, type SearchEngine as EngineName, type SharedSearch } from '../../../servers/search.js';
import { createIndex, type Holds, keeping, openAt } from '../index-fixture.js';

const fields: Readonly<Record<string, Holds>> = {
  name: 'text',
  place_name: 'text',
  kind: 'keyword',
  n: 'int',
  meter: 'long',
  value: 'double',
  time: 'date',
  'read-at': 'date',
  place: 'place',
  deep: 'unsearched',
};

export const everything: Question = {
  filters: [],
  sort: [],
  aggregations: [],
  limit: 100,
  highlight: false,
  explain: false,
};

/** The port to one engine, open from `start` to `stop`. */
export class PortUnderTest {
  readonly signal = new AbortController().signal;
  #server: SharedSearch | undefined;
  #engine: SearchEngine | undefined;

  constructor(readonly name: EngineName) {}

  get server(): SharedSearch {
    return this.#server!;
  }

  get engine(): SearchEngine {
    return this.#engine!;
  }

  async start(): Promise<void> {
    this.#server = await searchServer(this.name);
    this.#engine = await openAt(this.#server);
  }

  async stop(): Promise<void> {
    this.#engine?.close();
    await this.#server?.release();
  }

  create(index: string): Promise<string> {
    return createIndex(this.server, index, fields, keeping);
  }

  write(index: string, ...operations: readonly Operation[]): Promise<readonly Outcome[]> {
    return this.engine.bulk({ index }, operations, this.signal);
  }

  async sources(index: string, ids: readonly string[]): Promise<readonly (string | undefined)[]> {
    const names = ids.map((id) => ({ id: toBytes(id) }));
    const read = await this.engine.read(index, names, this.signal);
    return read.map((document) => document && fromBytes(document.source));
  }

  async scanned(index: string, options: object = {}): Promise<Hit[]> {
    const hits: Hit[] = [];
    for await (const page of this.engine.scan(index, { signal: this.signal, ...options })) hits.push(...page);
    return hits;
  }
}

/** @param source JSON, or what it is made of */
export function operation(kind: OperationKind, id: string, source?: unknown, version?: string): Operation {
  const json = typeof source === 'string' ? source : JSON.stringify(source);
  return {
    kind,
    id: toBytes(id),
    ...(source !== undefined && { source: toBytes(json) }),
    ...(version !== undefined && { version }),
  };
}

/** Of those that were refused, the status. */
export function statuses(outcomes: readonly Outcome[]): (string | number)[] {
  return outcomes.map((outcome) => (outcome.kind === 'rejected' ? outcome.status : outcome.kind));
}
