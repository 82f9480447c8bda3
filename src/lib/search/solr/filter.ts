import type { Question } from '../query/question.js';
import { type Asked, queryOf } from './query-of.js';

/** A question that the server has to be asked about before it is a query: how it divides a text into words, what is near a rim. */
export class AskedFilter {
  constructor(readonly question: Pick<Question, 'text' | 'filters'>) {}
}

/** The query, in Solr's JSON query language. @throws as queryOf */
export async function resolved(asked: Asked, filter: unknown): Promise<unknown> {
  return filter instanceof AskedFilter ? queryOf(asked, filter.question) : (filter ?? '*:*');
}
