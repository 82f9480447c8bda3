import type { Aggregation, AggregationResult, Place } from '../query/question.js';
import { boxClause } from './box.js';
import { placesOf } from './places.js';
import type { Asked } from './query-of.js';

/** Counts documents by geohash. Solr makes grids of some types of fields only, and none by geohash: the places are read. */
export async function geoGrid(
  asked: Asked,
  query: unknown,
  { field, precision, size }: Extract<Aggregation, { readonly kind: 'geo-grid' }>,
): Promise<AggregationResult> {
  const counts = new Map<string, number>();
  const placed = {
    bool: { must: [query], filter: [boxClause(field, [{ north: 90, south: -90, west: -180, east: 180 }])] },
  };
  for await (const page of placesOf(asked, placed, field))
    for (const { places } of page)
      for (const cell of new Set(places.map((place) => geohash(place, precision))))
        counts.set(cell, (counts.get(cell) ?? 0) + 1);
  const buckets = [...counts]
    .map(([key, count]) => ({ key, count }))
    .sort((a, b) => b.count - a.count || (a.key < b.key ? -1 : 1));
  return { kind: 'buckets', buckets: buckets.slice(0, size), isCut: buckets.length > size };
}

const letters = '0123456789bcdefghjkmnpqrstuvwxyz';

/** @param precision letters */
export function geohash({ lat, lon }: Place, precision: number): string {
  const latRange: [number, number] = [-90, 90];
  const lonRange: [number, number] = [-180, 180];
  let hash = '';
  for (let bit = 0, letter = 0; hash.length < precision; bit++) {
    const [range, value] = bit % 2 === 0 ? [lonRange, lon] : [latRange, lat];
    const middle = (range[0] + range[1]) / 2;
    const isUpper = value >= middle;
    range[isUpper ? 0 : 1] = middle;
    letter = letter * 2 + (isUpper ? 1 : 0);
    if (bit % 5 === 4) {
      hash += letters[letter]!;
      letter = 0;
    }
  }
  return hash;
}
