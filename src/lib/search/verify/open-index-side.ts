import type { IndexDescription, SearchEngine } from '../engine.js';
import { indexMissing } from '../index-missing.js';
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
  if (description === undefined) throw indexMissing(engine.name, name);
  return new IndexSide(engine, name, concreteOf(description), await engine.count(name, signal));
}

function concreteOf({ indices }: IndexDescription): readonly string[] {
  return indices.map(({ name }) => name);
}
