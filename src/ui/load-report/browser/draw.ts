import uPlot from 'uplot';

import { formatCount, formatDuration } from '../../../lib/core/units.js';
import type { Chart, Line } from '../chart.js';

const height = 240;
/** What the cursor shows in one chart over time, it shows in all. */
const sync = uPlot.sync('time');

/** Draws the charts in their places, and again when the width, the colours or the medium change. */
export function drawCharts(charts: readonly Chart[]): void {
  const places = [...document.querySelectorAll<HTMLElement>('[data-chart]')];
  let drawn: uPlot[] = [];
  const draw = () => {
    for (const plot of drawn) plot.destroy();
    drawn = places.flatMap((place) => {
      const chart = charts[Number(place.dataset['chart'])];
      return chart ? [drawChart(chart, place)] : [];
    });
  };
  draw();
  const resize = () => places.forEach((place, i) => drawn[i]?.setSize({ width: place.clientWidth, height }));
  addEventListener('resize', resize);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw);
  // Paper is white, and narrower than a screen.
  addEventListener('beforeprint', draw);
  addEventListener('afterprint', draw);
}

function drawChart(chart: Chart, place: HTMLElement): uPlot {
  const style = getComputedStyle(document.documentElement);
  const color = (name: string) => style.getPropertyValue(`--${name}`).trim();
  const isTime = chart.x.kind === 'seconds';
  const ink = color('muted');
  const grid = { stroke: color('grid'), width: 1 };
  const value = (shown: number | null) => (shown === null ? '–' : format(shown, chart.unit));
  const x = isTime ? chart.x.values : chart.x.values.map(ninesOf);
  const font = `12px ${style.fontFamily}`;
  const onlyPoint = x.length === 1;
  return new uPlot(
    {
      width: place.clientWidth,
      height,
      padding: [12, 28, 0, 0],
      legend: { live: true },
      cursor: {
        y: false,
        points: { size: 7 },
        drag: { x: isTime, y: false },
        ...(isTime && { sync: { key: sync.key } }),
      },
      scales: {
        x: { time: false },
        y:
          chart.scale === 'log'
            ? { distr: 3 }
            : { range: (_, low, high) => [Math.min(0, low), high > 0 ? high * 1.08 : 1] },
      },
      axes: [
        {
          stroke: ink,
          grid,
          ticks: grid,
          font,
          ...(isTime
            ? { incrs: seconds, values: (_, splits) => splits.map((s) => formatSeconds(s)) }
            : {
                splits: () => shares.map(ninesOf),
                values: () => shares.map((share) => (share === 0 ? '' : nameOf(share))),
                space: 30,
              }),
        },
        {
          stroke: ink,
          grid,
          ticks: grid,
          font,
          size: 64,
          // Lines between the powers of ten would say more than the data.
          ...(chart.scale === 'log' && { splits: (_, _axis, low, high) => powersOfTen(low, high) }),
          values: (_, splits) => splits.map((split) => (split === null ? '' : format(split, chart.unit))),
        },
      ],
      series: [
        {
          label: isTime ? 'at' : 'share',
          value: (_, shown) =>
            shown === null ? '–' : isTime ? formatSeconds(shown) : nameOf(shareOf(shown)),
        },
        ...chart.lines.map(({ label, color: name, dashed }) => ({
          label,
          stroke: color(name),
          width: 2,
          ...(dashed && { dash: [6, 4] }),
          points: { show: onlyPoint, size: 8, fill: color(name) },
          value: (_: uPlot, shown: number | null) => value(shown),
        })),
      ],
    },
    [[...x], ...chart.lines.map((line) => plottable(line, chart.scale))],
    place,
  );
}

function powersOfTen(low: number, high: number): number[] {
  const first = Math.floor(Math.log10(low));
  return Array.from({ length: Math.ceil(Math.log10(high)) - first + 1 }, (_, i) => 10 ** (first + i));
}

/** A logarithm has no place for 0. */
function plottable({ values }: Line, scale: Chart['scale']): (number | null)[] {
  return scale === 'log' ? values.map((value) => (value === null || value <= 0 ? null : value)) : [...values];
}

/** Seconds between the marks of an axis. */
const seconds = [
  1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 28_800, 86_400, 172_800,
];
const shares = [0, 0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999];
/** 0.99 is at 2, 0.999 at 3: what is rare has as much room as what is common. */
const ninesOf = (share: number) => -Math.log10(1 - share);
const shareOf = (nines: number) => 1 - 10 ** -nines;
const nameOf = (share: number) => `p${Number((100 * share).toFixed(4))}`;

function format(value: number, unit: Chart['unit']): string {
  if (unit === 'ms') return formatDuration(value);
  const number = value < 10 ? String(Number(value.toFixed(2))) : formatCount(value);
  return unit === '/s' ? `${number}/s` : number;
}

const formatSeconds = (s: number) => (s === 0 ? '0' : formatDuration(s * 1000));
