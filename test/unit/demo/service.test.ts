import { cp, lstat, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { databaseCache, type ServiceCache } from '../../../src/lib/demo/cache-aside.js';
import { type Database, openDatabase } from '../../../src/lib/demo/database.js';
import { request } from '../../../src/lib/demo/request.js';
import { openSchema } from '../../../src/lib/demo/demo-database.js';
import { findBinaries, serverUser, usableBinaries } from '../../../src/lib/demo/native.js';
import { startPostgres } from '../../../src/lib/demo/postgres.js';
import { Premises } from '../../../src/lib/demo/premises.js';
import { warmQueries } from '../../../src/lib/demo/schema.js';
import { endpoints, type Service, startService } from '../../../src/lib/demo/service.js';
import { buildTown, type Reading } from '../../../src/lib/demo/town.js';

const binaries = await findBinaries();
const { signal } = new AbortController();
const noStore = { 'cache-control': 'no-store' };
const town = buildTown({ meters: 10, readingsPerMeter: 1500 });
const quarterHour = 15 * 60_000;
const day = 96 * quarterHour;

interface Forecast {
  meterId: string;
  basedOn: number;
  growthPerDay: number;
  nextDay: number;
  quarters: [at: string, kwh: number][];
}

interface Latest {
  latest: { at: string; kwh: number };
  lastDay: number;
  lastWeek: number;
  lastWeekCost: number;
  readings: [at: string, kwh: number][];
}

/** The same model, written down a second time: profile by weekend and quarter hour, growth by least squares. */
function expectedForecast(readings: Reading[]): { growth: number; kwh: number[] } {
  const slotOf = (at: number) => `${[0, 6].includes(new Date(at).getUTCDay())} ${at % day}`;
  const slots = new Map<string, Reading[]>();
  for (const reading of readings)
    slots.set(slotOf(reading.at), [...(slots.get(slotOf(reading.at)) ?? []), reading]);
  const mean = (values: number[]) => values.reduce((a, b) => a + b, 0) / values.length;
  const season = new Map(
    [...slots].map(([slot, members]) => [
      slot,
      { kwh: mean(members.map(({ kwh }) => kwh)), at: mean(members.map(({ at }) => at)) },
    ]),
  );
  let products = 0;
  let squares = 0;
  for (const { at, kwh } of readings) {
    const slot = season.get(slotOf(at))!;
    const regressor = (slot.kwh * (at - slot.at)) / day;
    products += regressor * (kwh - slot.kwh);
    squares += regressor * regressor;
  }
  const growth = products / squares;
  const end = readings.at(-1)!.at;
  const kwh = Array.from({ length: 96 }, (_, i) => {
    const at = end + (i + 1) * quarterHour;
    const slot = season.get(slotOf(at))!;
    return slot.kwh * (1 + (growth * (at - slot.at)) / day);
  });
  return { growth, kwh };
}

describe.skipIf(!binaries)('the demo service on an embedded PostgreSQL', () => {
  let parent: string;
  let premises: Premises;
  let database: Database;
  let service: Service;
  let url: string;

  beforeAll(async () => {
    parent = await mkdtemp(join('/tmp', 'metrify-service-'));
    premises = await Premises.open(tmpdir());
    url = await startPostgres(premises, binaries!, process.env, signal);
    database = await openDatabase(url, 3);
    await database.load(town, signal);
    service = await startService(databaseCache(database.query), database.query);
  });

  afterAll(async () => {
    await service?.close();
    await database?.close();
    await premises?.close();
    await rm(parent, { recursive: true, force: true });
  });

  it('asks for the password that its URL holds, and listens on the loopback interface only', async () => {
    const wrong = url.replace(/:[^:@]+@/, ':wrong@');
    await expect(openDatabase(wrong, 1)).rejects.toThrow('password');
    const [row] = await database.query(
      `select current_setting('listen_addresses') as listen, current_setting('unix_socket_directories') as sockets`,
    );
    expect(row).toEqual({ listen: '127.0.0.1', sockets: '' });
  });

  it('holds every reading of the town', async () => {
    const [sum] = await database.query(
      'select count(*)::int as count, sum(kwh)::float8 as kwh from readings',
    );
    const all = town.meters.flatMap((meter) => town.readings(meter));
    expect(sum!.count).toBe(15_000);
    expect(sum!.kwh).toBeCloseTo(
      all.reduce((total, { kwh }) => total + kwh, 0),
      3,
    );
  });

  it('forecasts as the model says', async () => {
    for (const meter of town.meters) {
      const { body } = await request(`${service.url}/api/v1/analytics/forecast?meter=${meter.id}`, signal);
      const forecast = JSON.parse(body) as Forecast;
      const expected = expectedForecast(town.readings(meter));
      expect(forecast).toMatchObject({ meterId: meter.id, basedOn: 1500 });
      expect(forecast.growthPerDay).toBeCloseTo(expected.growth, 4);
      expect(forecast.quarters).toHaveLength(96);
      expect(forecast.quarters[0]![0]).toBe('2025-06-16T12:00:00Z');
      expect(forecast.quarters[95]![0]).toBe('2025-06-17T11:45:00Z');
      forecast.quarters.forEach(([, kwh], i) =>
        expect(Math.abs(kwh - expected.kwh[i]!)).toBeLessThan(0.00051),
      );
      expect(forecast.nextDay).toBeCloseTo(
        forecast.quarters.reduce((sum, [, kwh]) => sum + kwh, 0),
        6,
      );
    }
  });

  it('answers with the latest readings, their sums and their cost', async () => {
    for (const meter of town.meters) {
      const { body } = await request(`${service.url}/api/v1/meter-readings?meter=${meter.id}`, signal);
      const latest = JSON.parse(body) as Latest;
      const readings = town.readings(meter);
      const tariff = town.tariffs.find(({ id }) => id === meter.tariffId)!;
      const newestFirst = readings.slice(-96).reverse();
      expect(latest.latest).toEqual({ at: '2025-06-16T11:45:00Z', kwh: readings.at(-1)!.kwh });
      expect(latest.readings.map(([at, kwh]) => [Date.parse(at), kwh])).toEqual(
        newestFirst.map(({ at, kwh }) => [at, kwh]),
      );
      expect(latest.lastDay).toBeCloseTo(
        newestFirst.reduce((sum, { kwh }) => sum + kwh, 0),
        6,
      );
      const cost = readings
        .slice(-7 * 96)
        .reduce((sum, { kwh }) => sum + kwh * (kwh > 0 ? tariff.price : tariff.feedIn), 0);
      expect(Math.abs(latest.lastWeekCost - cost)).toBeLessThan(0.0051);
    }
  });

  it('answers from the cache what it has answered before, and not what was said with no-store', async () => {
    const path = `${service.url}/api/v1/meter-readings?meter=m-0004`;
    await database.query('truncate metrify_cache');
    const ask = async (store: boolean) =>
      (await fetch(path, store ? {} : { headers: noStore })).headers.get('x-cache');
    expect([await ask(false), await ask(false), await ask(true), await ask(true), await ask(false)]).toEqual([
      'miss',
      'miss',
      'miss',
      'hit',
      'hit',
    ]);
    const [row] = await database.query(
      `select key, extract(epoch from expires_at - now())::int as seconds from metrify_cache`,
    );
    expect(row!.key).toBe('meter:m-0004:latest');
    expect(row!.seconds).toBeGreaterThan(3500);
    await database.query(`update metrify_cache set expires_at = now() - interval '1 s'`);
    expect(await ask(true)).toBe('miss');
  });

  it('gives the same bytes as the queries that warm the cache', async () => {
    const rows = {
      '/api/v1/meter-readings': await database.query(warmQueries.latest),
      '/api/v1/analytics/forecast': await database.query(warmQueries.forecast),
    };
    for (const [path, warmed] of Object.entries(rows)) {
      expect(warmed).toHaveLength(town.meters.length);
      for (const row of warmed) {
        const answer = await fetch(`${service.url}${path}?meter=${String(row.meter_id)}`, {
          headers: noStore,
        });
        expect(await answer.text()).toBe(row[endpoints[path as keyof typeof endpoints].column]);
      }
    }
  });

  it.each([
    ['/api/v1/meter-readings?meter=none', 404],
    ['/api/v1/meter-readings', 400],
    ["/api/v1/analytics/forecast?meter=' or true --", 404],
    ['/constructor', 404],
    ['/healthz', 200],
  ])('answers %s with %i', async (path, status) => {
    expect((await request(service.url + path, signal)).status).toBe(status);
  });

  it('is slow but right without its cache, and says so without its database', async () => {
    const broken: ServiceCache = {
      get: () => Promise.reject(new Error('away')),
      set: () => Promise.reject(new Error('away')),
    };
    const withoutCache = await startService(broken, database.query);
    const path = '/api/v1/meter-readings?meter=m-0001';
    expect(await request(withoutCache.url + path, signal)).toMatchObject({ status: 200, cache: 'miss' });
    await withoutCache.close();
    const withoutDatabase = await startService(broken, () => Promise.reject(new Error('away')));
    expect((await request(withoutDatabase.url + path, signal)).status).toBe(503);
    await withoutDatabase.close();
  });

  it('takes back everything it made in the server of somebody else', async () => {
    const objects = async () =>
      (await database.query(`select count(*)::int as count from pg_class where relnamespace >= 2200`))[0]!
        .count;
    const before = await objects();
    const own = await openSchema(url);
    await own.load(buildTown({ meters: 10, readingsPerMeter: 96 }), signal);
    expect((await own.query('select count(*)::int as count from readings'))[0]!.count).toBe(960);
    expect((await database.query('select count(*)::int as count from readings'))[0]!.count).toBe(15_000);
    expect(await objects()).toBeGreaterThan(before as number);
    await own.close();
    expect(await objects()).toBe(before);
  });

  it('runs its PostgreSQL from a package without symbolic links that other users cannot reach', async () => {
    const native = join(parent, 'package', 'native');
    const original = dirname(dirname(binaries!.postgres));
    await cp(original, native, {
      recursive: true,
      filter: async (path) => !(await lstat(path)).isSymbolicLink(),
    });
    const bare = { postgres: join(native, 'bin', 'postgres'), initdb: join(native, 'bin', 'initdb') };
    const user = await serverUser();
    const usable = await usableBinaries(bare, premises.folder, user);
    // The folder is mode 0700: another user needs a copy, the same user only the links.
    expect(usable.postgres.startsWith(user ? premises.folder : native)).toBe(true);
    const started = await premises.start(usable.postgres, ['--version'], {
      env: process.env,
      user,
      cwd: '/',
    });
    expect(await started.ended).toMatchObject({ code: 0 });
  });
});
