import * as z from 'zod/mini';

import { UserError } from '../../core/errors.js';
import { cutPolygon } from './cut-polygon.js';
import type { Point, Rings } from './rings.js';
import type { Polygon } from './question.js';
import { openRing, unwrapRings } from './rings.js';

const position = z.array(z.number()).check(z.minLength(2));
const rings = z.array(z.array(position)).check(z.minLength(1));
const polygon = z.object({ type: z.literal('Polygon'), coordinates: rings });
const multiPolygon = z.object({ type: z.literal('MultiPolygon'), coordinates: z.array(rings) });
const geometry = z.union([polygon, multiPolygon]);
const feature = z.object({ type: z.literal('Feature'), geometry });
const collection = z.object({ type: z.literal('FeatureCollection'), features: z.array(feature) });
const shape = z.union([geometry, feature, collection]);

type Geometry = z.infer<typeof geometry>;

/**
 * The polygons of a GeoJSON text (RFC 7946): a Polygon, a MultiPolygon, a Feature, or a FeatureCollection of them. Whichever way
 * a ring runs, it is mended. An edge longer than 180° is taken the short way, over the date line, where the result is cut.
 * @param label of the file, for messages
 * @throws UserError exit 2 `GEOJSON_INVALID`
 */
export function readPolygons(text: string, label: string): readonly Polygon[] {
  const invalid = (problem: string) =>
    new UserError(`${label}: ${problem}`, {
      code: 'GEOJSON_INVALID',
      hint: 'Give GeoJSON: a Polygon, a MultiPolygon, or Features of them.',
    });
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw invalid('it is not JSON');
  }
  const parsed = shape.safeParse(json);
  if (!parsed.success) throw invalid('it is not GeoJSON of polygons');
  const all = geometriesOf(parsed.data).flatMap((one) =>
    one.type === 'Polygon' ? [one.coordinates] : one.coordinates,
  );
  if (all.length === 0) throw invalid('it has no polygon');
  return all.flatMap((coordinates, i) => {
    const problem = (what: string) => invalid(`polygon ${i + 1} of ${all.length} ${what}`);
    return cutPolygon(unwrapRings(readRings(coordinates, problem), problem), problem);
  });
}

function geometriesOf(data: z.infer<typeof shape>): readonly Geometry[] {
  if (data.type === 'FeatureCollection') return data.features.map((one) => one.geometry);
  return [data.type === 'Feature' ? data.geometry : data];
}

function readRings(coordinates: z.infer<typeof rings>, problem: (what: string) => Error): Rings {
  return coordinates.map((ring) => {
    const points = openRing(ring.map(([x, y]): Point => ({ x: x!, y: y! })));
    if (points.length < 3) throw problem('has a ring of fewer than three corners');
    const outside = points.find(({ x, y }) => Math.abs(y) > 90 || Math.abs(x) > 540);
    if (outside) throw problem(`has a corner at longitude ${outside.x}, latitude ${outside.y}`);
    return points;
  });
}
