import type { SearchSettings } from '../../clients/search/settings.js';
import type { Timeouts } from '../../clients/settings.js';
import type { ByteString } from '../../core/bytes.js';
import { systemClock } from '../../core/clock.js';
import type {
  DocumentName,
  HeldForm,
  IndexDescription,
  IndexField,
  Operation,
  Outcome,
  ScanOptions,
  SearchEngine,
  StoredDocument,
  WriteTarget,
} from '../engine.js';
import type { Found, NativeFound, Question } from '../query/question.js';
import { bulk } from './bulk.js';
import { corePath, SolrClient } from './client.js';
import { describeIndex } from './describe.js';
import { AskedFilter, resolved } from './filter.js';
import { fieldsOf } from './fields.js';
import { heldFormOf } from './held-form.js';
import type { Asked } from './query-of.js';
import { readStored } from './read.js';
import { scan } from './scan.js';
import { readSchema, type SolrSchema } from './schema.js';
import { countOf, search, searchNative } from './search.js';
import type { Stored } from './stored.js';

/** How long a schema is taken for what it was; a name may stand for another core meanwhile. */
const schemaMs = 5000;

export async function openSolr(
  settings: SearchSettings,
  timeouts: Timeouts,
  signal: AbortSignal,
): Promise<SolrEngine> {
  return new SolrEngine(await SolrClient.open(settings, timeouts, signal));
}

/** Solr 9: cores, and the collections and aliases of SolrCloud. An index is any of them. */
export class SolrEngine implements SearchEngine {
  readonly kind = 'solr';
  readonly #schemas = new Map<string, { readonly schema: SolrSchema; readonly until: number }>();

  constructor(
    /** For what only Solr has. */
    readonly client: SolrClient,
  ) {}

  get version(): string {
    return this.client.version;
  }

  get name(): string {
    return this.client.name;
  }

  get address(): string {
    return this.client.address;
  }

  /** `requireAlias` needs nothing: Solr makes no core because of a write. */
  async bulk(
    { index: core }: WriteTarget,
    operations: readonly Operation[],
    signal: AbortSignal,
  ): Promise<readonly Outcome[]> {
    const schema = await this.#schema(core, signal);
    return bulk({ client: this.client, core, schema, engine: this, signal }, operations);
  }

  async read(
    index: string,
    documents: readonly DocumentName[],
    signal: AbortSignal,
  ): Promise<readonly (StoredDocument | undefined)[]> {
    const schema = await this.#schema(index, signal);
    const ids = documents.map(({ id }) => id);
    const stored = await readStored(this.client, index, schema, ids, signal);
    return ids.map((id) => {
      const document = stored.get(id);
      return (
        document && {
          source: document.source,
          version: document.version ?? '',
          revision: document.ownVersion ?? '',
        }
      );
    });
  }

  /** Its hits say which version is Solr's own, and which an external one. */
  async *scan(index: string, options: ScanOptions): AsyncGenerator<readonly Stored[]> {
    const asked = await this.#asked(index, options.signal);
    yield* scan(asked, await resolved(asked, options.filter), options);
  }

  async search(index: string, question: Question, signal: AbortSignal): Promise<Found> {
    return search(await this.#asked(index, signal), question);
  }

  async searchNative(index: string, body: ByteString, signal: AbortSignal): Promise<NativeFound> {
    return searchNative(await this.#asked(index, signal), body);
  }

  async fields(index: string, signal: AbortSignal): Promise<readonly IndexField[]> {
    return fieldsOf(this.client, index, await this.#schema(index, signal), signal);
  }

  filterOf(question: Pick<Question, 'text' | 'filters'>): unknown {
    return new AskedFilter(question);
  }

  async heldForm(index: string, signal: AbortSignal): Promise<HeldForm | undefined> {
    return heldFormOf(await this.#schema(index, signal));
  }

  /** Whether documents keep the external versions that they are written with. */
  async keepsVersions(index: string, signal: AbortSignal): Promise<boolean> {
    return (await this.#schema(index, signal)).keepsExternalVersions;
  }

  /** Commits, too: what was written is on the disk then. */
  async refresh(index: string, signal: AbortSignal): Promise<void> {
    await this.client.bytes(
      {
        method: 'POST',
        path: corePath(index, 'update'),
        query: { commit: 'true', openSearcher: 'true', waitSearcher: 'true' },
        body: '{}',
      },
      signal,
    );
  }

  async count(index: string, signal: AbortSignal, filter?: unknown): Promise<number> {
    const asked = await this.#asked(index, signal);
    return countOf(asked, await resolved(asked, filter));
  }

  describe(index: string, signal: AbortSignal): Promise<IndexDescription | undefined> {
    return describeIndex(this.client, index, signal);
  }

  close(): void {
    this.client.close();
  }

  async #asked(core: string, signal: AbortSignal): Promise<Asked> {
    return { client: this.client, core, schema: await this.#schema(core, signal), signal };
  }

  async #schema(core: string, signal: AbortSignal): Promise<SolrSchema> {
    const known = this.#schemas.get(core);
    const now = systemClock.monotonic();
    if (known !== undefined && known.until > now) return known.schema;
    const schema = await readSchema(this.client, core, signal);
    this.#schemas.set(core, { schema, until: now + schemaMs });
    return schema;
  }
}
