import type { Filter, Question } from '../query/question.js';

/** The Query DSL of a question's text and filters. */
export function queryOf({ text, filters }: Pick<Question, 'text' | 'filters'>): object {
  if (text === undefined && filters.length === 0) return { match_all: {} };
  return {
    bool: {
      ...(text === undefined
        ? {}
        : {
            must: [
              {
                // Not query_string: no character of the text is an operator.
                multi_match: {
                  query: text.query,
                  fields: text.fields,
                  fuzziness: text.fuzziness === 'auto' ? 'AUTO' : text.fuzziness,
                },
              },
            ],
          }),
      filter: filters.map(filterClause),
    },
  };
}

function filterClause(filter: Filter): object {
  switch (filter.kind) {
    case 'term':
      return { terms: { [filter.field]: filter.values } };
    case 'range': {
      const { gte, gt, lte, lt } = filter;
      return { range: { [filter.field]: { gte, gt, lte, lt } } };
    }
    case 'distance':
      return { geo_distance: { distance: `${filter.meters}m`, [filter.field]: filter.center } };
    case 'box':
      return {
        geo_bounding_box: {
          [filter.field]: {
            top_left: { lat: filter.north, lon: filter.west },
            bottom_right: { lat: filter.south, lon: filter.east },
          },
        },
      };
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
