import type { Place, Polygon } from '../query/question.js';
import type { Box } from './box.js';

/** Where places of some polygons are. */
export interface Cover {
  /** All of each is in a polygon. */
  readonly inside: readonly Box[];
  /** Each has a part of a rim, and places on both sides of it. */
  readonly rim: readonly Box[];
}

type Edge = readonly [Place, Place];

interface Candidate {
  readonly box: Box;
  readonly edges: readonly Edge[];
}

/** So many boxes together are few enough for one query: Solr takes 1024 clauses. */
const mostBoxes = 600;
/** Boxes become no smaller than a metre. */
const deepest = 25;

/** Cuts polygons into boxes, those along the rim ever smaller. Edges are straight in degrees. */
export function coverOf(polygons: readonly Polygon[]): Cover {
  const edges = polygons.flatMap((rings) => rings.flatMap(edgesOf));
  const inside: Box[] = [];
  let rim: Candidate[] = edges.length === 0 ? [] : [{ box: boundsOf(edges.flat()), edges }];
  for (let depth = 0; depth < deepest && rim.length > 0; depth++) {
    const next: Candidate[] = [];
    const whole: Box[] = [];
    for (const candidate of rim)
      for (const box of quarters(candidate.box)) {
        const touching = candidate.edges.filter((edge) => touches(edge, box));
        if (touching.length > 0) next.push({ box, edges: touching });
        else if (isInside(middleOf(box), polygons)) whole.push(box);
      }
    if (inside.length + whole.length + next.length > mostBoxes) break;
    inside.push(...whole);
    rim = next;
  }
  return { inside, rim: rim.map(({ box }) => box) };
}

/** In one of the polygons, or on its rim. */
export function isInside(place: Place, polygons: readonly Polygon[]): boolean {
  return polygons.some((rings) => {
    let crossings = 0;
    for (const ring of rings)
      for (const edge of edgesOf(ring)) {
        if (isOn(place, edge)) return true;
        if (isCrossed(place, edge)) crossings++;
      }
    return crossings % 2 === 1;
  });
}

function edgesOf(ring: readonly Place[]): Edge[] {
  return ring.slice(1).map((to, i) => [ring[i]!, to] as const);
}

/** By the ray to the east. */
function isCrossed({ lat, lon }: Place, [a, b]: Edge): boolean {
  if (a.lat > lat === b.lat > lat) return false;
  return lon < ((b.lon - a.lon) * (lat - a.lat)) / (b.lat - a.lat) + a.lon;
}

function isOn({ lat, lon }: Place, [a, b]: Edge): boolean {
  if (lat < Math.min(a.lat, b.lat) || lat > Math.max(a.lat, b.lat)) return false;
  if (lon < Math.min(a.lon, b.lon) || lon > Math.max(a.lon, b.lon)) return false;
  return (b.lon - a.lon) * (lat - a.lat) === (b.lat - a.lat) * (lon - a.lon);
}

function boundsOf(places: readonly Place[]): Box {
  const box = { north: -90, south: 90, west: 180, east: -180 };
  for (const { lat, lon } of places) {
    box.north = Math.max(box.north, lat);
    box.south = Math.min(box.south, lat);
    box.west = Math.min(box.west, lon);
    box.east = Math.max(box.east, lon);
  }
  return box;
}

function quarters({ north, south, west, east }: Box): Box[] {
  const [lat, lon] = [(north + south) / 2, (west + east) / 2];
  return [
    { north, south: lat, west, east: lon },
    { north, south: lat, west: lon, east },
    { north: lat, south, west, east: lon },
    { north: lat, south, west: lon, east },
  ];
}

function middleOf({ north, south, west, east }: Box): Place {
  return { lat: (north + south) / 2, lon: (west + east) / 2 };
}

/** Whether any of the edge is in the box or on its rim, by clipping it at the four sides (Liang and Barsky, 1984). */
function touches([a, b]: Edge, { north, south, west, east }: Box): boolean {
  let [from, to] = [0, 1];
  const clip = (direction: number, distance: number): boolean => {
    if (direction === 0) return distance >= 0;
    const at = distance / direction;
    if (direction < 0) from = Math.max(from, at);
    else to = Math.min(to, at);
    return from <= to;
  };
  const [dLat, dLon] = [b.lat - a.lat, b.lon - a.lon];
  return (
    clip(-dLon, a.lon - west) &&
    clip(dLon, east - a.lon) &&
    clip(-dLat, a.lat - south) &&
    clip(dLat, north - a.lat)
  );
}
