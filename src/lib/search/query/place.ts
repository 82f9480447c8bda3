import { UserError } from '../../core/errors.js';
import type { Place } from './question.js';

export interface Box {
  readonly west: number;
  readonly south: number;
  readonly east: number;
  readonly north: number;
}

const hint = 'Latitudes are from -90 to 90, longitudes from -180 to 180.';

/** `51.34,12.37`: latitude and longitude in degrees. @throws UserError exit 2 */
export function parsePlace(text: string): Place {
  const [lat, lon, ...more] = degreesOf(text);
  if (lat === undefined || lon === undefined || more.length > 0 || !isPlace({ lat, lon }))
    throw new UserError(`'${text}' is not a place`, {
      code: 'PLACE_INVALID',
      hint: `Write it as LATITUDE,LONGITUDE, like 51.34,12.37. ${hint}`,
    });
  return { lat, lon };
}

/** `12.2,51.2,12.6,51.5`: west, south, east, north, as a bbox of GeoJSON; over the date line west > east. @throws UserError exit 2 */
export function parseBox(text: string): Box {
  const [west, south, east, north, ...more] = degreesOf(text);
  const isBox =
    west !== undefined &&
    south !== undefined &&
    east !== undefined &&
    north !== undefined &&
    more.length === 0 &&
    isPlace({ lat: south, lon: west }) &&
    isPlace({ lat: north, lon: east }) &&
    south <= north;
  if (!isBox)
    throw new UserError(`'${text}' is not a box`, {
      code: 'BOX_INVALID',
      hint: `Write it as WEST,SOUTH,EAST,NORTH, like 12.2,51.2,12.6,51.5. ${hint}`,
    });
  return { west, south, east, north };
}

const meters: Readonly<Record<string, number>> = { m: 1, km: 1000, mi: 1609.344 };

/** `300m`, `5km`, `3mi` in metres. @throws UserError exit 2 */
export function parseDistance(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*(m|km|mi)$/.exec(text.trim());
  const distance = match ? Number(match[1]) * meters[match[2]!]! : 0;
  if (distance === 0)
    throw new UserError(`'${text}' is not a distance`, {
      code: 'DISTANCE_INVALID',
      hint: 'Write it like 300m, 5km or 3mi.',
    });
  return distance;
}

export function isPlace({ lat, lon }: Place): boolean {
  return Math.abs(lat) <= 90 && Math.abs(lon) <= 180;
}

function degreesOf(text: string): number[] {
  return text
    .split(',')
    .map((part) => (/^\s*[+-]?(\d+(\.\d*)?|\.\d+)\s*$/.test(part) ? Number(part) : Number.NaN));
}
