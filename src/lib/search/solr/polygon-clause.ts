import { fromBytes } from '../../core/bytes.js';
import { UserError } from '../../core/errors.js';
import type { Filter } from '../query/question.js';
import { boxClause } from './box.js';
import { placesOf, requirePlaces } from './places.js';
import { coverOf, isInside } from './polygon-cover.js';
import type { Asked } from './query-of.js';

/** Ids that one query names. */
const mostIds = 100_000;

/**
 * Solr knows no polygons without a library that it does not come with: boxes are asked for, and which of the documents in those
 * along the rim are inside is found out here. A document that moves between the two requests may be missed.
 * @param narrowed the question without its polygons
 * @throws UserError `POLYGON_TOO_WIDE`, where too many documents are along the rim
 */
export async function polygonClause(
  asked: Asked,
  { field, polygons }: Extract<Filter, { readonly kind: 'polygon' }>,
  narrowed: unknown,
): Promise<unknown> {
  const { inside, rim } = coverOf(polygons);
  const should: unknown[] = inside.length === 0 ? [] : [boxClause(field, inside)];
  if (rim.length > 0) {
    const near = { bool: { must: [narrowed], filter: [boxClause(field, rim)] } };
    const ids: string[] = [];
    for await (const page of placesOf(asked, near, field)) {
      for (const { id, places } of page) {
        requirePlaces(field, places);
        if (places.some((place) => isInside(place, polygons))) ids.push(fromBytes(id));
      }
      if (ids.length > mostIds)
        throw new UserError(`More than ${mostIds} documents are along the rim of the polygon`, {
          code: 'POLYGON_TOO_WIDE',
          hint: 'Give filters that leave fewer documents, or a smaller polygon.',
        });
    }
    if (ids.length > 0)
      should.push({ terms: { f: asked.schema.uniqueKey, query: ids.join(separator), separator } });
  }
  return should.length === 0 ? { bool: { must_not: ['*:*'] } } : { bool: { should } };
}

/** Stands in no id. */
const separator = '\u001f';
