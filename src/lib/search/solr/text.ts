import type { Fuzziness, TextMatch } from '../query/question.js';
import { corePath, formBody, formType } from './client.js';
import { answerJson } from '../../clients/search/answer.js';
import type { Asked } from './query-of.js';

/** So many words of an index can be within the distance of one; Solr takes no more than 1024 clauses. */
const maxExpansions = 1000;

/**
 * Documents that have the text's words. Solr divides the text as it does when it indexes, and every token is a clause of its
 * own: the text never meets a parser of queries.
 */
export async function textClause(
  asked: Asked,
  { query, words, fields, whole, exact, fuzziness }: TextMatch,
): Promise<unknown> {
  const starts = wordStarts(query);
  /** By word, by field: all of its tokens. */
  const found: unknown[][] = starts.map(() => []);
  const isNoWord = starts.map(() => false);
  for (const field of [...fields, ...exact]) {
    const tokens = await tokensOf(asked, field, query);
    for (const [i, start] of starts.entries()) {
      const own = tokens.filter((token) => token.start >= start && token.start < (starts[i + 1] ?? Infinity));
      // What a field takes for no word, such as a hyphen or a stop word, asks for nothing.
      if (own.length === 0) isNoWord[i] ||= fields.includes(field);
      else found[i]!.push(wordClause(field, own, words, fields.includes(field) ? fuzziness : 0));
    }
  }
  const each = found.filter((inFields) => inFields.length > 0).map(anyOf);
  const required = found.filter((inFields, i) => inFields.length > 0 && !isNoWord[i]).map(anyOf);
  const byWords = words === 'all' && required.length > 0 ? [{ bool: { must: required } }] : each;
  const alternatives = [...byWords, ...whole.map((field) => termClause(field, query, fuzziness))];
  return alternatives.length === 0 ? { bool: { must_not: ['*:*'] } } : anyOf(alternatives);
}

/** Where what is between spaces starts. */
function wordStarts(text: string): number[] {
  return [...text.matchAll(/\S+/g)].map(({ index }) => index);
}

/** Tokens of one word; of those at one position, such as synonyms, any is enough. */
function wordClause(
  field: string,
  tokens: readonly Token[],
  words: TextMatch['words'],
  fuzziness: Fuzziness,
): unknown {
  const parts = [...new Set(tokens.map(({ position }) => position))].map((at) =>
    anyOf(
      tokens.filter(({ position }) => position === at).map(({ text }) => termClause(field, text, fuzziness)),
    ),
  );
  return words === 'any' || parts.length === 1 ? anyOf(parts) : { bool: { must: parts } };
}

function termClause(field: string, query: string, fuzziness: Fuzziness): unknown {
  const term = { term: { f: field, query } };
  const maxEdits = editsOf(query, fuzziness);
  return maxEdits === 0 ? term : anyOf([term, { fuzzy: { f: field, query, maxEdits, maxExpansions } }]);
}

function anyOf(clauses: readonly unknown[]): unknown {
  return clauses.length === 1 ? clauses[0] : { bool: { should: clauses } };
}

function editsOf(word: string, fuzziness: Fuzziness): number {
  if (fuzziness !== 'auto') return fuzziness;
  const letters = [...word].length;
  return letters <= 2 ? 0 : letters <= 5 ? 1 : 2;
}

/** A stage of analysis by its name, then what comes out of it: of a filter of characters a text, else tokens. */
type Stages = readonly (string | readonly Token[])[];

interface Token {
  readonly text: string;
  /** In the text, in UTF-16 units. */
  readonly start: number;
  readonly position: number;
}

interface Analysis {
  readonly analysis: {
    readonly field_names: Readonly<Record<string, { readonly query?: Stages } | undefined>>;
  };
}

async function tokensOf(
  { client, core, signal }: Asked,
  field: string,
  text: string,
): Promise<readonly Token[]> {
  const answer = await client.bytes(
    {
      method: 'POST',
      path: corePath(core, 'analysis/field'),
      contentType: formType,
      body: formBody([
        ['analysis.fieldname', field],
        ['analysis.query', text],
        ['expandMacros', 'false'],
        ['wt', 'json'],
      ]),
    },
    signal,
  );
  const { analysis } = answerJson(answer, client.name) as Analysis;
  const tokens = analysis.field_names[field]?.query?.at(-1);
  return tokens === undefined || typeof tokens === 'string' ? [] : tokens;
}
