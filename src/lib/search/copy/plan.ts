import * as z from 'zod/mini';

import { ServiceConflict } from '../../core/errors.js';
import { Checkpoint } from '../../runs/checkpoint.js';
import { requireAllShown } from '../elastic/all-shown.js';
import { ElasticEngine } from '../elastic/engine.js';
import type { SearchEngine } from '../engine.js';
import { indexMissing } from '../index-missing.js';
import { type Definition, readDefinition } from './definition.js';
import { Destination } from './destination.js';
import type { DocumentsPlan } from './documents.js';
import { planDocuments } from './plan-documents.js';

/** What a copy will do. */
export interface CopyPlan {
  readonly kind: 'index';
  readonly source: ElasticEngine;
  /** The concrete index that is copied. */
  readonly index: string;
  readonly uuid: string;
  readonly definition: Definition;
  /** How many documents it has at the moment. */
  readonly documents: number;
  readonly engine: ElasticEngine;
  /** The name of the copy. */
  readonly name: string;
  /** The copy that an earlier run began. */
  readonly begun: Destination | undefined;
  readonly resume: Checkpoint<StoredReach> | undefined;
}

export interface CopyRequest {
  readonly from: SearchEngine;
  readonly index: string;
  readonly to: SearchEngine;
  readonly rename: string | undefined;
  /** Path of the checkpoint. */
  readonly resume: string | undefined;
}

const storedReach = z.object({
  /** Of the destination. */
  uuid: z.string(),
  seqNos: z.array(z.int().check(z.minimum(-1))),
  copied: z.int().check(z.nonnegative()),
  kept: z.int().check(z.nonnegative()),
});
export type StoredReach = z.infer<typeof storedReach>;

/**
 * Reads what is to be copied. Changes nothing.
 * @throws UserError exit 2; ServiceConflict exit 4 when the source cannot be copied, or the destination is something else
 */
export async function planCopy(request: CopyRequest, signal: AbortSignal): Promise<CopyPlan | DocumentsPlan> {
  const { from: source, to: engine } = request;
  const { name: index, uuid } = await oneIndex(source, request.index, signal);
  const name = request.rename ?? index;
  const resume =
    request.resume === undefined
      ? undefined
      : await Checkpoint.open(request.resume, {
          identity: {
            command: 'search copy',
            from: `${index} (${uuid}) at ${source.address}`,
            to: `${name} at ${engine.address}`,
          },
          reached: storedReach,
        });
  if (!(source instanceof ElasticEngine && engine instanceof ElasticEngine))
    return planDocuments({ source, index, engine, name, resume }, signal);
  const [documents, definition, begun] = await Promise.all([
    source.count(index, signal),
    readDefinition(source, index, signal),
    Destination.find(engine, name, uuid, resume?.reached?.uuid, signal),
  ]);
  // The copy would have more than what was asked for.
  requireAllShown(request.index, index, definition.aliases[request.index] ?? {});
  if (resume?.reached !== undefined && resume.reached.uuid !== begun?.uuid)
    throw new ServiceConflict(
      `${name} at ${engine.name} is ${begun === undefined ? 'gone' : 'another index'} since the checkpoint ${resume.path} was saved`,
      { code: 'DESTINATION_CHANGED', hint: `To copy everything again, remove ${resume.path}.` },
    );
  return { kind: 'index', source, index, uuid, definition, documents, engine, name, begun, resume };
}

/** @throws UserError; ServiceConflict when it is several */
async function oneIndex(engine: SearchEngine, name: string, signal: AbortSignal) {
  const description = await engine.describe(name, signal);
  const [index, ...more] = description?.indices ?? [];
  if (description === undefined || index === undefined) throw indexMissing(engine.name, name);
  if (description.isDataStream || more.length > 0)
    throw new ServiceConflict(
      `${name} is ${description.isDataStream ? 'a data stream' : `${more.length + 1} indices`}: one index is copied at a time`,
      { code: 'NOT_ONE_INDEX', hint: `Copy each of them: metrify search copy ${index.name} …` },
    );
  return index;
}
