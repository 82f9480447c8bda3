import { luceneName, luceneQuoted } from './lucene-text.js';

/** In degrees; where west > east it lies over the date line. */
export interface Box {
  readonly north: number;
  readonly south: number;
  readonly west: number;
  readonly east: number;
}

/**
 * Degrees, about a centimetre. Places are stored as integers, rounded towards south and west: without it those on the rim
 * would be missing.
 */
const rim = 1e-7;

/** What lies in any of the boxes, or on its rim. */
export function boxClause(field: string, boxes: readonly Box[]): unknown {
  const name = luceneName(field);
  const ranges = boxes.map(({ north, south, west, east }) => {
    const [from, to] = [
      luceneQuoted(`${Math.max(-90, south - rim)},${Math.max(-180, west - rim)}`),
      luceneQuoted(`${north},${east}`),
    ];
    return `${name}:[${from} TO ${to}]`;
  });
  return { lucene: { query: ranges.join(' '), 'q.op': 'OR' } };
}
