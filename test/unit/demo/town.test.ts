import { createHash } from 'node:crypto';

import { describe, expect, it } from 'vitest';

import { buildTown, type MeterKind, momentOf, type Reading, townEnd } from '../../../src/lib/demo/town.js';

const quarterHour = 15 * 60_000;
const town = buildTown({ meters: 40, readingsPerMeter: 1344 });

function meansBy(kind: MeterKind, group: (reading: Reading) => string | undefined): Record<string, number> {
  const sums: Record<string, { sum: number; count: number }> = {};
  for (const meter of town.meters.filter((candidate) => candidate.kind === kind))
    for (const reading of town.readings(meter)) {
      const name = group(reading);
      if (name === undefined) continue;
      const entry = (sums[name] ??= { sum: 0, count: 0 });
      entry.sum += reading.kwh;
      entry.count++;
    }
  return Object.fromEntries(Object.entries(sums).map(([name, { sum, count }]) => [name, sum / count]));
}

const hourOf = ({ at }: Reading) => new Date(at).getUTCHours();
const isWeekend = ({ at }: Reading) => [0, 6].includes(new Date(at).getUTCDay());

describe('the demo town', () => {
  it('is the same to the last digit, on every machine and at every time', () => {
    const hash = createHash('sha256');
    const small = buildTown({ meters: 20, readingsPerMeter: 1000 });
    hash.update(JSON.stringify([small.tariffs, small.meters]));
    for (const meter of small.meters) hash.update(JSON.stringify(small.readings(meter)));
    expect(hash.digest('hex')).toBe('c9cc029bad1c9cbc83bba3bc816df3d07423e28309acbd2eb8302de390219c90');
  });

  it('has one reading for every quarter hour of every meter, up to its end', () => {
    expect(new Set(town.meters.map(({ id }) => id)).size).toBe(40);
    for (const meter of town.meters) {
      const readings = town.readings(meter);
      expect(readings).toHaveLength(1344);
      expect(readings.at(-1)!.at).toBe(townEnd - quarterHour);
      expect(readings.every(({ at }, i) => at === readings[0]!.at + i * quarterHour)).toBe(true);
      expect(readings.every(({ kwh }) => Number.isFinite(kwh) && kwh === Number(kwh.toFixed(3)))).toBe(true);
    }
  });

  it('has every kind of meter even when it is small, in the ratio 8 : 1 : 1', () => {
    const count = (kind: MeterKind) => town.meters.filter((meter) => meter.kind === kind).length;
    expect([count('household'), count('commercial'), count('solar')]).toEqual([32, 4, 4]);
    expect(new Set(buildTown({ meters: 10, readingsPerMeter: 1 }).meters.map(({ kind }) => kind)).size).toBe(
      3,
    );
  });

  it('feeds in by day only, most around noon, and less under clouds', () => {
    for (const meter of town.meters.filter(({ kind }) => kind === 'solar')) {
      const readings = town.readings(meter);
      expect(readings.every(({ kwh }) => kwh <= 0)).toBe(true);
      expect(readings.filter((r) => hourOf(r) >= 19 || hourOf(r) < 5).every(({ kwh }) => kwh === 0)).toBe(
        true,
      );
      const noons = readings.filter((r) => hourOf(r) === 12).map(({ kwh }) => kwh);
      expect(Math.min(...noons) / Math.max(...noons)).toBeGreaterThan(1.3);
    }
    const byHour = meansBy('solar', (r) => String(hourOf(r)));
    const lowest = Object.keys(byHour).reduce((a, b) => (byHour[a]! < byHour[b]! ? a : b));
    expect(Number(lowest)).toBeGreaterThanOrEqual(11);
    expect(Number(lowest)).toBeLessThanOrEqual(12);
  });

  it('draws power in households before work and most of all in the evening', () => {
    const byHour = meansBy('household', (r) => (isWeekend(r) ? undefined : String(hourOf(r))));
    expect(byHour[7]).toBeGreaterThan(2 * byHour[3]!);
    expect(byHour[7]).toBeGreaterThan(1.3 * byHour[10]!);
    expect(byHour[19]).toBeGreaterThan(1.2 * byHour[7]!);
    const daily = Object.values(byHour).reduce((sum, kwh) => sum + 4 * kwh, 0);
    expect(daily).toBeGreaterThan(5);
    expect(daily).toBeLessThan(20);
  });

  it('draws power in offices on working days, and little at weekends', () => {
    const byTime = meansBy('commercial', (r) => {
      const hour = hourOf(r);
      return `${isWeekend(r) ? 'weekend' : 'workday'} ${hour >= 9 && hour < 17 ? 'office' : hour < 6 ? 'night' : ''}`;
    });
    expect(byTime['workday office']).toBeGreaterThan(4 * byTime['workday night']!);
    expect(byTime['workday office']).toBeGreaterThan(2 * byTime['weekend office']!);
  });

  it('knows the weekday of a moment', () => {
    expect(momentOf(Date.UTC(2025, 5, 15, 13, 30))).toEqual({ hour: 13.5, weekday: 7, dayOfYear: 166 });
  });
});
