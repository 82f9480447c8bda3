import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';

import type { Bench } from '../bench.js';

export const mappings = {
  properties: {
    id: { type: 'keyword' },
    meter_id: { type: 'long' },
    time: { type: 'date' },
    kwh: { type: 'double' },
    voltage: { type: 'float' },
    quality: { type: 'keyword' },
    location: { type: 'geo_point' },
  },
};

/** Of 5,000 meters, a quarter of an hour apart, about 190 bytes each. */
export async function writeReadings(bench: Bench, count: number): Promise<string> {
  const path = join(bench.directory, 'readings.jsonl');
  const out = createWriteStream(path);
  for (let from = 0; from < count; from += 1000) {
    let lines = '';
    for (let i = from; i < Math.min(count, from + 1000); i++) lines += `${JSON.stringify(reading(i))}\n`;
    if (!out.write(lines)) await once(out, 'drain');
  }
  out.end();
  await once(out, 'close');
  return path;
}

function reading(i: number) {
  return {
    id: `reading-${String(i).padStart(8, '0')}`,
    meter_id: 9_007_000_000_000 + (i % 5000),
    time: new Date(1_760_000_000_000 + Math.floor(i / 5000) * 900_000).toISOString(),
    kwh: ((i * 7919) % 1_000_003) / 1000,
    voltage: 225 + ((i * 31) % 100) / 10,
    quality: i % 50 === 0 ? 'estimated' : 'measured',
    location: { lat: 52 + ((i * 13) % 10_007) / 10_000, lon: 13 + ((i * 17) % 10_009) / 10_000 },
  };
}
