import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

import type { Client } from 'pg';

import { simbenchFolder } from './cache-folder.js';

/** Quarter hours a day. */
const QUARTERS = 96;

export interface Meter {
  /** From 1, in the order of the file. */
  readonly meterId: number;
  readonly name: string;
  readonly node: string;
  readonly profile: string;
  /** Degrees. */
  readonly longitude: number | undefined;
  readonly latitude: number | undefined;
  /** Peak active power in MW; peak reactive power in MVAr. */
  readonly pLoad: number;
  readonly qLoad: number;
}

/** One profile in one quarter hour: active and reactive power as a share of the peak. */
export interface ProfileValue {
  /** From 0 at 2016-01-01T00:00Z. */
  readonly quarter: number;
  readonly profile: string;
  readonly p: string;
  readonly q: string;
}

export interface SimbenchData {
  readonly meters: number;
  readonly readings: number;
  /** ISO 8601, UTC. */
  readonly firstReading: string;
  readonly lastReading: string;
  readonly seconds: number;
}

async function readTable(name: string): Promise<Record<string, string>[]> {
  const lines = (await readFile(join(simbenchFolder(), name), 'utf8')).trimEnd().split('\n');
  const columns = lines[0]!.split(';');
  return lines.slice(1).map((line) => {
    const values = line.split(';');
    return Object.fromEntries(columns.map((column, index) => [column, values[index] ?? '']));
  });
}

/** The 36,063 loads of the SimBench grid, each with the coordinates of its node. */
export async function readMeters(): Promise<Meter[]> {
  const [loads, nodes, places] = await Promise.all(
    ['Load.csv', 'Node.csv', 'Coordinates.csv'].map(readTable),
  );
  const placeOf = new Map(nodes!.map((node) => [node['id'], node['coordID']]));
  const placeById = new Map(places!.map((place) => [place['id'], place]));
  return loads!.map((load, index) => {
    const place = placeById.get(placeOf.get(load['node']));
    return {
      meterId: index + 1,
      name: load['id']!,
      node: load['node']!,
      profile: load['profile']!,
      longitude: place && Number(place['x']),
      latitude: place && Number(place['y']),
      pLoad: Number(load['pLoad']),
      qLoad: Number(load['qLoad']),
    };
  });
}

/** The load profiles of the first `days` days, which the file keeps as one column each. */
export async function* readProfiles(days: number): AsyncGenerator<ProfileValue> {
  const input = createReadStream(join(simbenchFolder(), 'LoadProfile.csv'));
  const columns = new Map<string, { p: number; q: number }>();
  let quarter = -1;
  for await (const line of createInterface({ input })) {
    const values = line.split(';');
    if (quarter === -1) {
      values.forEach((column, p) => {
        const profile = /^(.*)_pload$/.exec(column)?.[1];
        if (profile !== undefined) columns.set(profile, { p, q: values.indexOf(`${profile}_qload`) });
      });
    } else {
      for (const [profile, { p, q }] of columns) yield { quarter, profile, p: values[p]!, q: values[q]! };
    }
    if (++quarter >= days * QUARTERS) break;
  }
  input.destroy();
}

/**
 * Fills `meters` and `readings` (kwh = profile × peak load over a quarter hour; 3.46 M rows a day) in `schema`, default
 * `public`, with primary keys and statistics. The schema must not have these tables.
 * `days` may end with any quarter hour.
 */
export async function loadSimbench(
  postgresUrl: string,
  { days, schema = 'public' }: { readonly days: number; readonly schema?: string },
): Promise<SimbenchData> {
  const started = Date.now();
  const { default: pg } = await import('pg');
  const client = new pg.Client({ connectionString: postgresUrl });
  await client.connect();
  try {
    // One transaction: a table that is created and filled in it needs no write-ahead log under wal_level=minimal.
    await client.query('BEGIN');
    await client.query(`CREATE SCHEMA IF NOT EXISTS ${schema}; SET LOCAL search_path = ${schema};
      SET LOCAL maintenance_work_mem = '512MB'; SET LOCAL work_mem = '256MB';
      CREATE TABLE meters (meter_id int, name text NOT NULL, node text NOT NULL, profile text NOT NULL,
        longitude float8, latitude float8, p_load float8 NOT NULL, q_load float8 NOT NULL);
      CREATE TEMP TABLE profiles (quarter int, profile text, p float8, q float8) ON COMMIT DROP;
      CREATE TABLE readings (meter_id int NOT NULL, ts timestamptz NOT NULL, kwh numeric(12,6) NOT NULL,
        kvarh numeric(12,6) NOT NULL)`);
    const meters = await readMeters();
    await copy(client, 'meters', meters, (meter) => [
      ...[meter.meterId, meter.name, meter.node, meter.profile],
      ...[meter.longitude, meter.latitude, meter.pLoad, meter.qLoad],
    ]);
    await copy(client, 'profiles', readProfiles(days), ({ quarter, profile, p, q }) => [
      quarter,
      profile,
      p,
      q,
    ]);
    // MW for a quarter hour = 250 kWh. The order makes the primary key cheap: meters as stored, each in time.
    const { rowCount } = await client.query(`ANALYZE profiles`).then(() =>
      client.query(`INSERT INTO readings
        SELECT m.meter_id, timestamptz '2016-01-01 00:00+00' + make_interval(mins => 15 * s.quarter),
          s.p * m.p_load * 250, s.q * m.q_load * 250
        FROM (SELECT profile, array_agg(p ORDER BY quarter) AS ps, array_agg(q ORDER BY quarter) AS qs
              FROM profiles GROUP BY profile) series
        JOIN meters m USING (profile)
        CROSS JOIN LATERAL unnest(series.ps, series.qs) WITH ORDINALITY AS u(p, q, n)
        CROSS JOIN LATERAL (SELECT u.p, u.q, (u.n - 1)::int AS quarter) s`),
    );
    await client.query(`ALTER TABLE meters ADD PRIMARY KEY (meter_id);
      ALTER TABLE readings ADD PRIMARY KEY (meter_id, ts)`);
    await client.query('COMMIT');
    await client.query(`ANALYZE ${schema}.meters; ANALYZE ${schema}.readings`);
    const last = Date.UTC(2016, 0, 1) + (days * QUARTERS - 1) * 900_000;
    return {
      meters: meters.length,
      readings: rowCount ?? 0,
      firstReading: '2016-01-01T00:00:00.000Z',
      lastReading: new Date(last).toISOString(),
      seconds: (Date.now() - started) / 1000,
    };
  } finally {
    await client.end();
  }
}

type Value = string | number | undefined;

async function copy<T>(
  client: Client,
  table: string,
  items: Iterable<T> | AsyncIterable<T>,
  row: (item: T) => Value[],
): Promise<void> {
  const { from } = await import('pg-copy-streams');
  const lines = async function* (): AsyncGenerator<string> {
    let block = '';
    for await (const item of items) {
      block += `${row(item)
        .map((value) => value ?? '\\N')
        .join('\t')}\n`;
      if (block.length > 65_536) {
        yield block;
        block = '';
      }
    }
    yield block;
  };
  await pipeline(Readable.from(lines()), client.query(from(`COPY ${table} FROM STDIN`)));
}
