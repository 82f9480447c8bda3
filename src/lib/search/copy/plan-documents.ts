import { ServiceConflict, UserError } from '../../core/errors.js';
import { counted } from '../../core/units.js';
import type { Checkpoint } from '../../runs/checkpoint.js';
import { ElasticEngine } from '../elastic/engine.js';
import type { SearchEngine } from '../engine.js';
import { SolrEngine } from '../solr/engine.js';
import { versionField } from '../solr/schema.js';
import { requireWhole } from '../solr/whole.js';
import { readDefinition } from './definition.js';
import type { DocumentsPlan } from './documents.js';
import type { StoredReach } from './plan.js';

export interface DocumentsRequest {
  readonly source: SearchEngine;
  /** Concrete. */
  readonly index: string;
  readonly engine: SearchEngine;
  readonly name: string;
  readonly resume: Checkpoint<StoredReach> | undefined;
}

/**
 * Where one side is Solr no definition goes over: the destination has to be there, and empty, or be what an earlier run of the
 * checkpoint began to fill.
 * @throws UserError exit 2; ServiceConflict exit 4
 */
export async function planDocuments(
  { source, index, engine, name, resume }: DocumentsRequest,
  signal: AbortSignal,
): Promise<DocumentsPlan> {
  const there = await engine.describe(name, signal);
  const uuid = there?.indices[0]?.uuid;
  if (there === undefined || uuid === undefined)
    throw new UserError(`${engine.name} has no ${name} that the documents could go to`, {
      code: 'INDEX_MISSING',
      hint: 'Create it first: metrify search setup, or for a core bin/solr create.',
    });
  if (there.indices.length > 1 || there.isDataStream)
    throw new ServiceConflict(`${name} at ${engine.name} is not one index`, { code: 'NOT_ONE_INDEX' });
  const continues = resume?.reached?.uuid === uuid;
  const count = await engine.count(name, signal);
  if (count > 0 && !continues)
    throw new ServiceConflict(
      `${name} at ${engine.name} is not empty: it has ${counted(count, 'document')}`,
      {
        code: 'DESTINATION_EXISTS',
        hint: 'Choose another name with --rename, or delete them there first. A copy that was stopped continues with its --resume FILE.',
      },
    );
  await requireUnrouted(source, index, signal);
  const carriesVersions = !(engine instanceof SolrEngine) || (await engine.keepsVersions(name, signal));
  return {
    kind: 'documents',
    ...{ source, index, engine, name, uuid, carriesVersions, continues, resume },
    documents: await source.count(index, signal),
    leftOut: [
      `mapping, settings and aliases: ${name} has its own`,
      ...(carriesVersions ? [] : [`versions: the schema of ${name} has no field ${versionField}`]),
    ],
  };
}

/** @throws ServiceConflict when documents cannot be read as they were written, or have a routing, which Solr does not keep */
async function requireUnrouted(source: SearchEngine, index: string, signal: AbortSignal): Promise<void> {
  if (source instanceof SolrEngine) return requireWhole(source, index, signal);
  if (source instanceof ElasticEngine) await readDefinition(source, index, signal);
  const routed = await source.count(index, signal, { exists: { field: '_routing' } });
  if (routed > 0)
    throw new ServiceConflict(
      `${counted(routed, 'document')} of ${index} ${routed === 1 ? 'has' : 'have'} a routing, which Solr keeps only as part of the id`,
      { code: 'NO_ROUTING', hint: 'Write them with ids ROUTING!ID: metrify search index' },
    );
}
