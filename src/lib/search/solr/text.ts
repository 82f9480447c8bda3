import type { Fuzziness, TextMatch } from '../query/question.js';
import { corePath, formBody, formType } from './client.js';
import { answerJson } from '../../clients/search/answer.js';
import type { Asked } from './query-of.js';

/** So many words of an index can be within the distance of one; Solr takes no more than 1024 clauses. */
const maxExpansions = 1000;

/**
 * Documents that have one of the text's words in one of the fields. Solr divides the text into words as it does when it
 * indexes, and every word is a clause of its own: the text never meets a parser of queries.
 */
export async function textClause(
  asked: Asked,
  { query, fields, whole, exact, fuzziness }: TextMatch,
): Promise<unknown> {
  const should: unknown[] = [];
  const add = (field: string, word: string, maxEdits: number) => {
    should.push({ term: { f: field, query: word } });
    if (maxEdits > 0) should.push({ fuzzy: { f: field, query: word, maxEdits, maxExpansions } });
  };
  for (const field of fields)
    for (const word of await wordsOf(asked, field, query)) add(field, word, editsOf(word, fuzziness));
  for (const field of whole) add(field, query, editsOf(query, fuzziness));
  for (const field of exact) for (const word of await wordsOf(asked, field, query)) add(field, word, 0);
  return should.length === 0 ? { bool: { must_not: ['*:*'] } } : { bool: { should } };
}

function editsOf(word: string, fuzziness: Fuzziness): number {
  if (fuzziness !== 'auto') return fuzziness;
  const letters = [...word].length;
  return letters <= 2 ? 0 : letters <= 5 ? 1 : 2;
}

/** A stage of analysis by its name, then what comes out of it: of a filter of characters a text, else tokens. */
type Stages = readonly (string | readonly { readonly text: string }[])[];

interface Analysis {
  readonly analysis: {
    readonly field_names: Readonly<Record<string, { readonly query?: Stages } | undefined>>;
  };
}

async function wordsOf(
  { client, core, signal }: Asked,
  field: string,
  text: string,
): Promise<ReadonlySet<string>> {
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
  return new Set(
    tokens === undefined || typeof tokens === 'string' ? [] : tokens.map(({ text: word }) => word),
  );
}
