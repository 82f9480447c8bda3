import { clearSky, commercialPower, householdPower, type Moment } from './load-shapes.js';
import { bellNoise, type Random, seededRandom } from './random.js';

export type MeterKind = 'household' | 'commercial' | 'solar';

export interface Meter {
  id: string;
  kind: MeterKind;
  tariffId: string;
  district: string;
  latitude: number;
  longitude: number;
  /** Size of the customer or of the panels, 1 = typical. */
  scale: number;
  /** Change of the load a day: 0.002 = 0.2 %. */
  growth: number;
}

export interface Tariff {
  id: string;
  name: string;
  /** Paid for a kWh taken from the grid. */
  price: number;
  /** Paid to the customer for a kWh fed in. */
  feedIn: number;
}

export interface Reading {
  /** Start of the quarter hour, milliseconds since the epoch. */
  at: number;
  /** Energy of the quarter hour, three decimals; negative when it was fed in. */
  kwh: number;
}

export interface Town {
  tariffs: Tariff[];
  meters: Meter[];
  readingsPerMeter: number;
  /** Readings of a meter, oldest first. */
  readings(meter: Meter): Reading[];
}

export const quarterHourMs = 15 * 60_000;
/** All readings end here, a Monday noon: the town is the same whenever it is built. */
export const townEnd = Date.UTC(2025, 5, 16, 12);

const centre = { latitude: 5.67, longitude: 0 };
const districts = ['Harbour', 'Hillside', 'Market', 'Meadows', 'Old Town', 'Station'];
const panelPeakKw = 5;

const tariffs: Tariff[] = [
  { id: 'home', name: 'Home', price: 0.2875, feedIn: 0 },
  { id: 'business', name: 'Business', price: 0.2412, feedIn: 0 },
  { id: 'sun', name: 'Sun', price: 0.2875, feedIn: 0.0811 },
];

/** A small town of smart meters: 80 % households, 10 % commercial, 10 % solar. The same numbers every time. */
export function buildTown(size: { meters: number; readingsPerMeter: number }): Town {
  const meters = Array.from({ length: size.meters }, (_, index) => buildMeter(index));
  const skies = cloudiness(size.readingsPerMeter);
  return {
    tariffs,
    meters,
    readingsPerMeter: size.readingsPerMeter,
    readings: (meter) => readingsOf(meter, skies),
  };
}

function buildMeter(index: number): Meter {
  const id = `m-${String(index + 1).padStart(4, '0')}`;
  const random = seededRandom(`meter ${id}`);
  const kind = index % 10 === 6 ? 'commercial' : index % 10 === 9 ? 'solar' : 'household';
  return {
    id,
    kind,
    tariffId: { household: 'home', commercial: 'business', solar: 'sun' }[kind],
    district: districts[Math.floor(random() * districts.length)]!,
    latitude: round(centre.latitude + (random() - 0.5) * 0.03, 5),
    longitude: round(centre.longitude + (random() - 0.5) * 0.03, 5),
    scale: (kind === 'commercial' ? 0.5 : 0.6) + random() * (kind === 'commercial' ? 5 : 1.2),
    growth: kind === 'solar' ? 0 : (random() - 0.3) * 0.01,
  };
}

/** Share of the clear sky's light for each quarter hour: the weather is one for the whole town. */
function cloudiness(quarters: number): Float64Array {
  const random = seededRandom('sky');
  const skies = new Float64Array(quarters);
  let day = 0.75;
  let drift = 0;
  for (let i = 0; i < quarters; i++) {
    if (i % 96 === 0) day = 0.45 + 0.5 * random();
    drift = 0.85 * drift + 0.08 * bellNoise(random);
    skies[i] = clamp(day + drift, 0.1, 1);
  }
  return skies;
}

function readingsOf(meter: Meter, skies: Float64Array): Reading[] {
  const random = seededRandom(`readings ${meter.id}`);
  const start = townEnd - skies.length * quarterHourMs;
  const readings: Reading[] = new Array(skies.length);
  let drift = 0;
  let appliance = 0;
  for (let i = 0; i < skies.length; i++) {
    const at = start + i * quarterHourMs;
    const moment = momentOf(at + quarterHourMs / 2);
    drift = 0.8 * drift + 0.07 * bellNoise(random);
    appliance = nextAppliance(appliance, moment, random);
    const growth = 1 + (meter.growth * i) / 96;
    const power =
      meter.kind === 'solar'
        ? -panelPeakKw * clearSky(moment, meter.latitude) * clamp(skies[i]! * (1 + drift / 2), 0.05, 1)
        : meter.kind === 'commercial'
          ? commercialPower(moment) * growth * (1 + drift / 2)
          : householdPower(moment) * growth * Math.max(0.3, 1 + drift) + appliance;
    readings[i] = { at, kwh: round((power * meter.scale) / 4, 3) };
  }
  return readings;
}

/** Now and then, mostly by day, something with 1 to 2 kW runs in a household for an hour or so. */
function nextAppliance(power: number, { hour }: Moment, random: Random): number {
  const chance = random();
  if (power > 0) return chance < 0.25 ? 0 : power;
  return chance < (hour >= 7 && hour < 22 ? 0.012 : 0.002) ? 1 + random() : 0;
}

export function momentOf(at: number): Moment {
  const date = new Date(at);
  const midnight = Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate());
  return {
    hour: (at - midnight) / 3_600_000,
    weekday: date.getUTCDay() || 7,
    dayOfYear: 1 + Math.round((midnight - Date.UTC(date.getUTCFullYear(), 0, 1)) / 86_400_000),
  };
}

function round(value: number, digits: 3 | 5): number {
  const factor = digits === 3 ? 1000 : 100_000;
  // Adding 0 turns -0 into 0.
  return Math.round(value * factor) / factor + 0;
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, value));
}
