/** A field of an index, in no engine's language. */
export type FieldType =
  /** Words, found by any of them; `prefixes`: also by their first letters, where the server can. */
  | { readonly is: 'text'; readonly prefixes?: true }
  /** One exact value; `many`: or several of them. */
  | { readonly is: 'keyword'; readonly many?: true }
  | { readonly is: 'double' }
  | { readonly is: 'date' }
  /** `{ lat, lon }` in degrees, or GeoJSON's Point. */
  | { readonly is: 'geo_point' };

export interface IndexFields {
  readonly name: string;
  /** The field by which documents age. */
  readonly time: string;
  /** A time series: an index a month, or a data stream. */
  readonly series: boolean;
  readonly fields: Readonly<Record<string, FieldType>>;
}

const keyword = { is: 'keyword' } as const;
const text = { is: 'text' } as const;
const date = { is: 'date' } as const;
const double = { is: 'double' } as const;
const place = { is: 'geo_point' } as const;

/** One document a sensor: what it is, where it is, and its last reading. */
export const sensors: IndexFields = {
  name: 'sensors',
  time: 'time',
  series: false,
  fields: {
    sensor_id: keyword,
    name: { is: 'text', prefixes: true },
    /** Where it is, in words: an address, a building. */
    location_text: { is: 'text', prefixes: true },
    location: place,
    type: keyword,
    unit: keyword,
    tags: { is: 'keyword', many: true },
    /** The last reading. */
    value: double,
    time: date,
  },
};

/** One document a reading. Data streams want the name `@timestamp`. */
export const meterReadings: IndexFields = {
  name: 'meter-readings',
  time: '@timestamp',
  series: true,
  fields: { '@timestamp': date, sensor_id: keyword, type: keyword, unit: keyword, value: double },
};

export const events: IndexFields = {
  name: 'events',
  time: 'time',
  series: false,
  fields: {
    time: date,
    severity: keyword,
    message: text,
    sensor_id: keyword,
    type: keyword,
    location: place,
    tags: { is: 'keyword', many: true },
  },
};

export const builtIn: readonly IndexFields[] = [sensors, meterReadings, events];
