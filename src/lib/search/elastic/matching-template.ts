import type { ElasticClient } from './client.js';

export interface MatchingTemplate {
  readonly name: string;
  readonly isDataStream: boolean;
}

interface Templates {
  readonly index_templates?: readonly {
    readonly name: string;
    readonly index_template: {
      readonly index_patterns: string | readonly string[];
      readonly priority?: number;
      readonly data_stream?: object;
    };
  }[];
}

/**
 * The index template by which the server would create an index of that name. Undefined without one: then the server would guess
 * the mapping from the first document.
 * @throws as ElasticClient.json
 */
export async function matchingTemplate(
  client: ElasticClient,
  index: string,
  signal: AbortSignal,
): Promise<MatchingTemplate | undefined> {
  const { index_templates = [] } = await client.json<Templates>(
    { path: '/_index_template', expected: [400, 404, 405] },
    signal,
  );
  const [best] = index_templates
    .filter(({ index_template: { index_patterns } }) =>
      [index_patterns].flat().some((pattern) => matches(pattern, index)),
    )
    .sort((a, b) => (b.index_template.priority ?? 0) - (a.index_template.priority ?? 0));
  return best && { name: best.name, isDataStream: best.index_template.data_stream !== undefined };
}

/** `*` stands for any text. */
function matches(pattern: string, name: string): boolean {
  const parts = pattern.split('*').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`).test(name);
}
