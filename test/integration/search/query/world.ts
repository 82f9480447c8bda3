import type { Random } from '../../../random.js';
import { readMeters } from '../../../servers/simbench.js';

export interface Sensor {
  readonly id: string;
  readonly name: string;
  readonly type: string;
  readonly value: number;
  readonly time: string;
  readonly lat: number;
  readonly lon: number;
}

/** Words of few letters, so that each has many neighbours. */
export const letters = 'abcd';

/** Real sensors of SimBench, and others all over the world, also around the date line, with names of random words. */
export async function worldOf(
  random: Random,
  counts: { readonly real: number; readonly world: number },
): Promise<Sensor[]> {
  const meters = await readMeters();
  const step = Math.floor(meters.length / counts.real);
  const real = Array.from({ length: counts.real }, (_, i) => meters[i * step]!).map((meter, i): Sensor => ({
    id: `meter-${meter.meterId}`,
    name: meter.name,
    type: meter.profile,
    value: meter.pLoad,
    time: new Date(Date.UTC(2026, 10, 1) + i * 60_000).toISOString(),
    lat: meter.latitude!,
    lon: meter.longitude!,
  }));
  const world = Array.from({ length: counts.world }, (_, i): Sensor => ({
    id: `world-${i}`,
    name: `${word(random)} ${word(random)}`,
    type: ['power', 'water', 'gas'][Math.floor(random() * 3)]!,
    value: Math.round(random() * 1e6) / 1000,
    time: new Date(Date.UTC(2026, 9, 1) + Math.floor(random() * 30 * 86_400_000)).toISOString(),
    lat: random() * 170 - 85,
    lon: i % 2 === 0 ? random() * 360 - 180 : wrapped(180 + (random() - 0.5) * 60),
  }));
  return [...real, ...world];
}

export function word(random: Random): string {
  const length = 2 + Math.floor(random() * 6);
  return Array.from({ length }, () => letters[Math.floor(random() * letters.length)]!).join('');
}

export function sourceOf({ id, name, type, value, time, lat, lon }: Sensor): string {
  const location = JSON.stringify({ lat, lon });
  return `{"sensor_id":"${id}","name":${JSON.stringify(name)},"type":"${type}","value":${value},"time":"${time}","location":${location},"tags":["a"]}`;
}

export const mappings = {
  properties: {
    sensor_id: { type: 'keyword' },
    name: { type: 'text', fields: { keyword: { type: 'keyword' } } },
    type: { type: 'keyword' },
    value: { type: 'double' },
    time: { type: 'date' },
    location: { type: 'geo_point' },
    tags: { type: 'keyword' },
    meter_id: { type: 'long' },
  },
};

/** Haversine, in metres, on the sphere that search servers use. */
export function meters(a: { lat: number; lon: number }, b: { lat: number; lon: number }): number {
  const rad = Math.PI / 180;
  const half = (angle: number) => Math.sin((angle * rad) / 2) ** 2;
  const h = half(b.lat - a.lat) + Math.cos(a.lat * rad) * Math.cos(b.lat * rad) * half(b.lon - a.lon);
  return 2 * 6_371_008.7714 * Math.asin(Math.min(1, Math.sqrt(h)));
}

/** No more edits apart. */
export function areNear(a: string, b: string, most: number): boolean {
  return Math.abs(a.length - b.length) <= most && edits(a, b) <= most;
}

/** Damerau-Levenshtein: insertions, deletions, replacements and swaps of neighbours, no part changed twice. */
function edits(a: string, b: string): number {
  const at = Array.from({ length: a.length + 1 }, (_, i) =>
    Array.from({ length: b.length + 1 }, (__, j) => i + j),
  );
  for (let i = 1; i <= a.length; i++)
    for (let j = 1; j <= b.length; j++) {
      const replaced = at[i - 1]![j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      at[i]![j] = Math.min(at[i - 1]![j]! + 1, at[i]![j - 1]! + 1, replaced);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        at[i]![j] = Math.min(at[i]![j]!, at[i - 2]![j - 2]! + 1);
    }
  return at[a.length]![b.length]!;
}

/** One random edit. */
export function edited(text: string, random: Random): string {
  const at = Math.floor(random() * text.length);
  const letter = letters[Math.floor(random() * letters.length)]!;
  const [before, here, after] = [text.slice(0, at), text[at]!, text.slice(at + 1)];
  switch (Math.floor(random() * 4)) {
    case 0:
      return before + letter + here + after;
    case 1:
      return before + after;
    case 2:
      return before + letter + after;
    default:
      return before + (after[0] ?? '') + here + after.slice(1);
  }
}

function wrapped(lon: number): number {
  return lon > 180 ? lon - 360 : lon;
}
