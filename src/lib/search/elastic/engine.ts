import type { SearchSettings } from '../../clients/search/settings.js';
import type { Timeouts } from '../../clients/settings.js';
import type { ByteString } from '../../core/bytes.js';
import type {
  DocumentName,
  Hit,
  IndexDescription,
  IndexField,
  Operation,
  Outcome,
  ScanOptions,
  SearchEngine,
  StoredDocument,
  WriteTarget,
} from '../engine.js';
import { bulk } from './bulk.js';
import { ElasticClient } from './client.js';
import { describeIndex } from './describe.js';
import { indexFields } from './fields.js';
import { readDocuments } from './read.js';
import { queryOf } from './query-of.js';
import { countDocuments } from './count.js';
import { scan } from './scan.js';
import { search, searchNative } from './search.js';
import { requireWhole, whyAnyIncomplete } from './whole.js';
import type { Found, NativeFound, Question } from '../query/question.js';

export async function openElastic(
  settings: SearchSettings,
  timeouts: Timeouts,
  signal: AbortSignal,
): Promise<ElasticEngine> {
  return new ElasticEngine(await ElasticClient.open(settings, timeouts, signal));
}

/** Elasticsearch 7.17, 8 and 9, and OpenSearch. */
export class ElasticEngine implements SearchEngine {
  constructor(
    /** For what only these servers have. */
    readonly client: ElasticClient,
  ) {}

  get kind() {
    return this.client.kind;
  }

  get version(): string {
    return this.client.version;
  }

  get name(): string {
    return this.client.name;
  }

  get address(): string {
    return this.client.address;
  }

  bulk(
    target: WriteTarget,
    operations: readonly Operation[],
    signal: AbortSignal,
  ): Promise<readonly Outcome[]> {
    return bulk(this.client, target, operations, signal);
  }

  read(
    index: string,
    documents: readonly DocumentName[],
    signal: AbortSignal,
  ): Promise<readonly (StoredDocument | undefined)[]> {
    return readDocuments(this.client, index, documents, signal);
  }

  scan(index: string, options: ScanOptions): AsyncIterable<readonly Hit[]> {
    return scan(this.client, index, options);
  }

  search(index: string, question: Question, signal: AbortSignal): Promise<Found> {
    return search(this.client, index, question, signal);
  }

  searchNative(index: string, body: ByteString, signal: AbortSignal): Promise<NativeFound> {
    return searchNative(this.client, index, body, signal);
  }

  fields(index: string, signal: AbortSignal): Promise<readonly IndexField[]> {
    return indexFields(this.client, index, signal);
  }

  filterOf(question: Pick<Question, 'text' | 'filters'>): unknown {
    return queryOf(question);
  }

  whyIncomplete(index: string, signal: AbortSignal): Promise<string | undefined> {
    return whyAnyIncomplete(this.client, index, signal);
  }

  async refresh(index: string, signal: AbortSignal): Promise<void> {
    await this.client.bytes({ method: 'POST', path: `/${encodeURIComponent(index)}/_refresh` }, signal);
  }

  count(index: string, signal: AbortSignal, filter?: unknown): Promise<number> {
    return countDocuments(this.client, index, filter, signal);
  }

  describe(index: string, signal: AbortSignal): Promise<IndexDescription | undefined> {
    return describeIndex(this.client, index, signal);
  }

  requireWhole(index: string, signal: AbortSignal): Promise<void> {
    return requireWhole(this.client, index, signal);
  }

  close(): void {
    this.client.close();
  }
}
