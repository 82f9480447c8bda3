import type { SearchEngine } from '../engine.js';
import { indexMissing } from '../index-missing.js';
import { IndexSide, type IndexSideOptions } from './index-side.js';

/**
 * What an index, alias or data stream holds.
 * @throws UserError exit 2 when there is nothing of that name; as SearchEngine.requireWhole; as SearchEngine
 */
export async function openIndexSide(
  engine: SearchEngine,
  name: string,
  { takesRouting }: Pick<IndexSideOptions, 'takesRouting'>,
  signal: AbortSignal,
): Promise<IndexSide> {
  const description = await engine.describe(name, signal);
  if (description === undefined) throw indexMissing(engine.name, name);
  await engine.requireWhole?.(name, signal);
  return new IndexSide(engine, name, { estimate: await engine.count(name, signal), takesRouting });
}
