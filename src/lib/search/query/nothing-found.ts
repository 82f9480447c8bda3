import { counted } from '../../core/units.js';
import type { SearchEngine } from '../engine.js';
import type { Filter, Question } from './question.js';

/**
 * Why a question finds nothing, a line each: the index is empty, or no document fits one of its conditions; without such a one the
 * conditions have no document in common.
 * @throws as SearchEngine.count
 */
export async function whyNothing(
  engine: Pick<SearchEngine, 'count' | 'filterOf'>,
  index: string,
  { text, filters }: Question,
  signal: AbortSignal,
): Promise<string[]> {
  const all = await engine.count(index, signal);
  if (all === 0) return [`${index} has no documents`];
  const parts = [
    ...(text === undefined ? [] : [{ name: wordsOf(text), asked: { text, filters: [] } }]),
    ...filters.map((filter) => ({ name: nameOf(filter), asked: { filters: [filter] } })),
  ];
  const none: string[] = [];
  for (const { name, asked } of parts)
    if ((await engine.count(index, signal, engine.filterOf(asked))) === 0) none.push(name);
  if (none.length > 0) return none.map((name) => `none of ${counted(all, 'document')} has ${name}`);
  return parts.length > 1 ? ['there are documents for each condition, and none for all of them'] : [];
}

function wordsOf({ query, words }: NonNullable<Question['text']>): string {
  return words === 'all' && /\S\s+\S/.test(query)
    ? 'all words of the text; --any-word finds those with one of them'
    : 'the words of the text';
}

const kinds = { range: 'a value', time: 'a time', distance: 'a place', box: 'a place', polygon: 'a place' };

function nameOf(filter: Filter): string {
  return filter.kind === 'term'
    ? `${filter.field} = ${filter.values.map((value) => `'${value}'`).join(' or ')}`
    : `${kinds[filter.kind]} in what is asked of ${filter.field}`;
}
