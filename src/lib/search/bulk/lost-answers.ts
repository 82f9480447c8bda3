import { canonical } from '../canonical.js';
import { done, type Operation, type SearchEngine, type Settled, type StoredDocument } from '../engine.js';

/**
 * What became of operations that were sent twice, since the first answer was lost, and refused the second time: because the first
 * attempt had succeeded, or because of somebody else.
 * @throws as SearchEngine.read
 */
export async function settleByReading(
  engine: Pick<SearchEngine, 'read'>,
  index: string,
  operations: readonly Operation[],
  signal: AbortSignal,
): Promise<readonly Settled[]> {
  const stored = await engine.read(index, operations, signal);
  return operations.map((operation, i) => judge(operation, stored[i]));
}

function judge({ kind, version, source }: Operation, stored: StoredDocument | undefined): Settled {
  if (kind === 'delete') return stored === undefined ? done : conflict('it is there, written since');
  if (stored === undefined) return conflict('it was there, and is not any more');
  if (version !== undefined && stored.version !== version)
    return conflict(`version ${stored.version} is there`);
  return stored.source === source || canonical(stored.source) === canonical(source!)
    ? done
    : conflict('another document is there');
}

function conflict(reason: string): Settled {
  return { kind: 'rejected', status: 409, reason: `version_conflict_engine_exception: ${reason}` };
}
