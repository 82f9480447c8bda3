/** Where a quarter hour lies: the town is on the Greenwich meridian, so its clocks show UTC all year. */
export interface Moment {
  /** Hours since midnight, 0 to 24. */
  hour: number;
  /** 1 Monday to 7 Sunday. */
  weekday: number;
  /** 1 to 366. */
  dayOfYear: number;
}

/** Average power of a household of typical size, kW: peaks before work and in the evening, later at weekends. */
export function householdPower({ hour, weekday }: Moment): number {
  const weekend = weekday >= 6;
  const morning = weekend ? 0.5 * peak(hour, 9.5, 1.6) : 0.75 * peak(hour, 7, 0.9);
  const noon = (weekend ? 0.4 : 0.15) * peak(hour, 13, 1.8);
  const evening = (weekend ? 1 : 1.2) * peak(hour, 19.5, 1.7);
  return 0.15 + morning + noon + evening;
}

/** Average power of a small office or shop, kW: office hours, half a Saturday, and what runs on at night. */
export function commercialPower({ hour, weekday }: Moment): number {
  const opened = weekday <= 5 ? 1 : weekday === 6 ? 0.35 : 0.06;
  const closing = weekday === 6 ? 13.5 : 18;
  const lunch = 1 - 0.15 * peak(hour, 12.5, 0.5);
  return 0.9 + 5 * opened * ramp(hour - 8) * ramp(closing - hour) * lunch;
}

/** What reaches a flat panel under a clear sky, as a share of its peak: 0 as long as the sun is down. */
export function clearSky({ hour, dayOfYear }: Moment, latitude: number): number {
  const declination = radians(-23.44) * Math.cos((2 * Math.PI * (dayOfYear + 10)) / 365);
  const hourAngle = radians(15 * (hour - 12));
  const height =
    Math.sin(radians(latitude)) * Math.sin(declination) +
    Math.cos(radians(latitude)) * Math.cos(declination) * Math.cos(hourAngle);
  return Math.max(0, height);
}

/** A bell of height 1 around `centre`, in hours. */
function peak(hour: number, centre: number, width: number): number {
  const distance = (hour - centre) / width;
  return Math.exp(-0.5 * distance * distance);
}

/** From 0 to 1 within about an hour around 0. */
function ramp(hours: number): number {
  return 1 / (1 + Math.exp(-5 * hours));
}

function radians(degrees: number): number {
  return (degrees * Math.PI) / 180;
}
