export interface CurvePoint {
  readonly x: number;
  readonly y: number;
}

/**
 * Where a curve that rises ever more steeply, such as latency over load, turns up: the point that is farthest below the
 * straight line from its first point to its last (Kneedle, Satopää, Albrecht, Irwin and Raghavan 2011, with both axes
 * scaled to 0 to 1). Noise is taken out first: no y counts for less than one of a smaller x. Undefined where the curve has no
 * knee: fewer than four different x, or nowhere below the line by a fifth of its height, as a straight line is.
 */
export function kneeOf(points: readonly CurvePoint[]): CurvePoint | undefined {
  const curve = rising(points);
  if (curve.length < 4) return undefined;
  const [first, last] = [curve[0]!, curve.at(-1)!];
  const height = last.y - first.y;
  if (!(height > 0)) return undefined;
  const below = ({ x, y }: CurvePoint): number => (x - first.x) / (last.x - first.x) - (y - first.y) / height;
  const knee = curve.reduce((best, point) => (below(point) > below(best) ? point : best));
  return below(knee) >= leastDepth ? knee : undefined;
}

const leastDepth = 0.2;

/** By x, the mean of those of the same x; each y is at least that before it. */
function rising(points: readonly CurvePoint[]): CurvePoint[] {
  const byX = new Map<number, number[]>();
  for (const { x, y } of points) byX.set(x, [...(byX.get(x) ?? []), y]);
  let most = -Infinity;
  return [...byX]
    .sort(([one], [other]) => one - other)
    .map(([x, ys]) => {
      most = Math.max(most, ys.reduce((sum, y) => sum + y, 0) / ys.length);
      return { x, y: most };
    });
}
