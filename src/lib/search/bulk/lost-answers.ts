import { canonical } from '../canonical.js';
import {
  done,
  type HeldForm,
  type Operation,
  type SearchEngine,
  type Settled,
  type StoredDocument,
} from '../engine.js';

/**
 * What became of operations that were sent twice, since the first answer was lost, and refused the second time: because the first
 * attempt had succeeded, or because of somebody else. Undefined where a document that is said to be there is not found: somebody has
 * deleted it meanwhile, or the copy of the shard that was asked does not have it yet.
 * @throws as SearchEngine.read
 */
export async function settleByReading(
  engine: Pick<SearchEngine, 'read' | 'heldForm'>,
  index: string,
  operations: readonly Operation[],
  signal: AbortSignal,
): Promise<readonly (Settled | undefined)[]> {
  const stored = await engine.read(index, operations, signal);
  const form = await engine.heldForm?.(index, signal);
  return operations.map((operation, i) => judge(operation, stored[i], form));
}

function judge(
  { kind, id, version, source }: Operation,
  stored: StoredDocument | undefined,
  form: HeldForm | undefined,
): Settled | undefined {
  if (kind === 'delete') return stored === undefined ? done : conflict('it is there, written since');
  if (stored === undefined) return undefined;
  if (version !== undefined && stored.version !== version)
    return conflict(`version ${stored.version} is there`);
  if (stored.source === source) return done;
  return canonical(stored.source) === canonical(form?.(id, source!) ?? source!)
    ? done
    : conflict('another document is there');
}

/** Of what was refused since something else is there. */
export function conflict(reason: string): Settled {
  return { kind: 'rejected', status: 409, reason: `version_conflict_engine_exception: ${reason}` };
}
