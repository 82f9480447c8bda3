import { luceneName, luceneQuoted } from './lucene-text.js';

/** In degrees; where west > east it lies over the date line. */
export interface Box {
  readonly north: number;
  readonly south: number;
  readonly west: number;
  readonly east: number;
}

/** What lies in any of the boxes, or on its rim. */
export function boxClause(field: string, boxes: readonly Box[]): unknown {
  const name = luceneName(field);
  const ranges = boxes.map(({ north, south, west, east }) => {
    const [from, to] = [luceneQuoted(`${south},${west}`), luceneQuoted(`${north},${east}`)];
    return `${name}:[${from} TO ${to}]`;
  });
  return { lucene: { query: ranges.join(' '), 'q.op': 'OR' } };
}
