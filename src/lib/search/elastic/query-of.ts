import type { Filter, Question, TextMatch } from '../query/question.js';

/** The Query DSL of a question's text and filters. */
export function queryOf({ text, filters }: Pick<Question, 'text' | 'filters'>): object {
  if (text === undefined && filters.length === 0) return { match_all: {} };
  return {
    bool: {
      ...(text === undefined
        ? {}
        : {
            // The first finds every word within the distance, which no query with a score does; the second puts them in order.
            must: [textClause(text, finding)],
            should: [textClause(text, {})],
          }),
      filter: [...(text?.words === 'all' ? [allWords(text)] : []), ...filters.map(filterClause)],
    },
  };
}

const finding = { fuzzy_rewrite: 'constant_score' };

/**
 * Words may be in different fields, which no fuzzy query of the server's own allows. The whole text is tried in one field, too:
 * only there are synonyms of several words seen.
 */
function allWords(text: TextMatch): object {
  const { query } = text;
  const inOneField = { ...finding, operator: 'and' } as const;
  // What no field takes for a word, such as a hyphen or a stop word, asks for nothing.
  const aWord = { ...inOneField, zero_terms_query: 'all' } as const;
  const each = query
    .split(/\s+/)
    .filter((word) => word !== '')
    .map((word) => textClause({ ...text, query: word, whole: [] }, aWord));
  return { bool: { should: [{ bool: { must: each } }, textClause({ ...text, exact: [] }, inOneField)] } };
}

/** A name that is the query, but for a letter, goes before names with some of its words. */
const wholeBoost = 4;

interface Rewriting {
  readonly fuzzy_rewrite?: string;
  readonly operator?: 'and';
  /** Not of other readings: of one word, one of pairs of words has none. */
  readonly zero_terms_query?: 'all';
}

/** Not `query_string`: no character of the text is an operator. */
function textClause({ query, fields, whole, exact, fuzziness }: TextMatch, rewriting: Rewriting): object {
  const distance = fuzziness === 'auto' ? 'AUTO' : fuzziness;
  const fuzzy = {
    multi_match: {
      query,
      fields: [...fields, ...whole.map((field) => `${field}^${wholeBoost}`)],
      fuzziness: distance,
      ...rewriting,
    },
  };
  if (exact.length === 0) return fuzzy;
  const { operator } = rewriting;
  return { dis_max: { queries: [fuzzy, { multi_match: { query, fields: exact, operator } }] } };
}

function filterClause(filter: Filter): object {
  switch (filter.kind) {
    case 'term':
      return { terms: { [filter.field]: filter.values } };
    case 'range': {
      const { gte, gt, lte, lt } = filter;
      return { range: { [filter.field]: { gte, gt, lte, lt } } };
    }
    case 'time': {
      const { gte, gt, lte, lt } = filter;
      // Whatever format the field's mapping has.
      return { range: { [filter.field]: { gte, gt, lte, lt, format: 'strict_date_optional_time' } } };
    }
    case 'distance':
      return { geo_distance: { distance: `${filter.meters}m`, [filter.field]: filter.center } };
    case 'box':
      return { geo_bounding_box: { [filter.field]: corners(filter) } };
    case 'polygon':
      return {
        geo_shape: {
          [filter.field]: {
            relation: 'intersects',
            shape: {
              type: 'MultiPolygon',
              coordinates: filter.polygons.map((rings) =>
                rings.map((ring) => ring.map(({ lat, lon }) => [lon, lat])),
              ),
            },
          },
        },
      };
  }
}

/**
 * Degrees, about a centimetre. Places are stored as integers, rounded towards south and west: without it those on the rim
 * would be missing, except from Elasticsearch 9.
 */
const rim = 1e-7;

function corners({ north, south, west, east }: Extract<Filter, { kind: 'box' }>): object {
  const wider = Math.max(-180, west - rim);
  const isAround = west > east && wider <= east;
  const [left, right] = isAround ? [-180, 180] : [wider, east];
  return {
    top_left: { lat: north, lon: left },
    bottom_right: { lat: Math.max(-90, south - rim), lon: right },
  };
}
