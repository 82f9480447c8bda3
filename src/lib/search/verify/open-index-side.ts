import { UserError } from '../../core/errors.js';
import type { IndexDescription, SearchEngine } from '../engine.js';
import { IndexSide } from './index-side.js';

/**
 * What an index, alias or data stream holds.
 * @throws UserError exit 2 when there is nothing of that name; as SearchEngine
 */
export async function openIndexSide(
  engine: SearchEngine,
  name: string,
  signal: AbortSignal,
): Promise<IndexSide> {
  const description = await engine.describe(name, signal);
  if (description === undefined) throw indexMissing(engine, name);
  return new IndexSide(engine, name, concreteOf(description), await engine.count(name, signal));
}

function concreteOf({ indices }: IndexDescription): readonly string[] {
  return indices.map(({ name }) => name);
}

function indexMissing(engine: SearchEngine, name: string): UserError {
  return new UserError(`${engine.name} has no index, alias or data stream '${name}'`, {
    code: 'INDEX_MISSING',
    hint: 'See what there is: metrify search status',
  });
}
