import type { Weights } from '../../route.js';

/** A change of weights that was begun, as it stands beside the configuration until it is finished. */
export interface Marker {
  readonly from: Weights;
  readonly to: Weights;
  /** What the state becomes with it. */
  readonly state: string;
}

/** Undefined when somebody edited it into something else. */
export function readMarker(content: Buffer): Pick<Marker, 'to' | 'state'> | undefined {
  try {
    const marker = JSON.parse(content.toString()) as Partial<Marker> | null;
    const { stable, canary } = marker?.to ?? {};
    if (typeof marker?.state !== 'string' || !isPercent(stable) || !isPercent(canary)) return undefined;
    if (Math.abs(stable + canary - 100) > 0.001) return undefined;
    return { to: { stable, canary }, state: marker.state };
  } catch {
    return undefined;
  }
}

function isPercent(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= 100;
}
