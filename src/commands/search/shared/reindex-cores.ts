import { UserError } from '../../../lib/core/errors.js';
import type { SearchEngine } from '../../../lib/search/engine.js';
import {
  abandonCore,
  prepareCoreAbandon,
  prepareCoreRollback,
  previewCoreRollback,
  rollBackCore,
} from '../../../lib/search/reindex/cores/go-back.js';
import {
  type CoreReindexPreview,
  prepareCoreReindex,
  previewCoreReindex,
} from '../../../lib/search/reindex/cores/prepare.js';
import { reindexCore } from '../../../lib/search/reindex/cores/reindex.js';
import type { ReindexResult } from '../../../lib/search/reindex/reindex.js';
import type { RollbackResult } from '../../../lib/search/reindex/rollback.js';
import { SolrEngine } from '../../../lib/search/solr/engine.js';
import type { Context } from '../../../runtime/context.js';
import { type AbandonResult, runReindex } from './run-reindex.js';

export interface CoreInput {
  readonly index: string;
  readonly mapping: string | undefined;
  readonly template: boolean;
  readonly shards: number | undefined;
  readonly by: 'server' | 'client' | undefined;
  readonly configset: string | undefined;
  readonly freeze: number;
  readonly noFreeze: boolean;
  readonly allowRejected: number | undefined;
  readonly deadLetter: string | undefined;
  readonly stall: number;
  readonly resume: boolean;
  readonly abandon: boolean;
  readonly rollback: boolean;
}

/** What `search reindex` does with cores and collections of Solr. */
export interface CoreWork {
  preview(): Promise<CoreReindexPreview | RollbackResult | AbandonResult>;
  run(): Promise<ReindexResult | RollbackResult | AbandonResult>;
}

export async function prepareCores(
  engine: SearchEngine,
  input: CoreInput,
  context: Context,
): Promise<CoreWork> {
  if (!(engine instanceof SolrEngine)) throw new TypeError(`${engine.kind} is not Solr`);
  const { signal } = context;
  if (input.rollback) {
    const plan = await prepareCoreRollback(engine, input.index, signal);
    return { preview: () => previewCoreRollback(plan, signal), run: () => rollBackCore(plan, signal) };
  }
  if (input.abandon) return abandoning(engine, input.index, context);
  refuseOfElasticsearch(engine, input);
  const plan = await prepareCoreReindex(
    engine,
    input.index,
    {
      resume: input.resume,
      configSet: input.configset,
      freezeMs: input.noFreeze ? undefined : input.freeze,
      allowRejected: input.allowRejected ?? 0,
      stallMs: input.stall,
    },
    context,
  );
  const from = { engine, name: plan.source.core.name };
  return {
    preview: () => previewCoreReindex(plan, signal),
    run: () => runReindex(from, (io) => reindexCore(plan, io), input.deadLetter, context),
  };
}

async function abandoning(engine: SolrEngine, asked: string, context: Context): Promise<CoreWork> {
  const plan = await prepareCoreAbandon(engine, asked, context);
  const { environment } = await context.settings();
  const { name } = plan.mark.destination;
  const deletes = plan.destination !== undefined;
  const result = { source: asked, abandoned: name, deleted: deletes };
  return {
    preview: () => Promise.resolve(result),
    async run() {
      const confirm = `${environment}/${name}@${engine.address}`;
      if (deletes) await context.confirmTarget(confirm, `delete everything in ${name}`);
      await abandonCore(plan, context.signal);
      return result;
    },
  };
}

/** @throws UserError */
function refuseOfElasticsearch(engine: SolrEngine, { mapping, template, shards, by }: CoreInput): void {
  const given = Object.entries({ mapping, template: template || undefined, shards, by }).find(
    ([, value]) => value !== undefined,
  );
  if (given === undefined || (given[0] === 'by' && by === 'client')) return;
  throw new UserError(`--${given[0]} is of Elasticsearch, and this is ${engine.name}`, {
    hint: 'Create the new core with the schema that it is to have, or name a configset: --configset NAME',
  });
}
