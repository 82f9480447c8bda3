const blocks = '▁▂▃▄▅▆▇█';

/**
 * Values as columns of blocks, from 0 to the largest one. Where there are more values than columns, a column is the largest of
 * its values; where there is none, it is blank.
 */
export function sparkline(values: readonly (number | null)[], columns: number): string {
  if (columns <= 0) return '';
  const each = Math.ceil(values.length / columns);
  const peaks: (number | null)[] = [];
  for (let i = 0; i < values.length; i += each) {
    const known = values.slice(i, i + each).filter((value) => value !== null);
    peaks.push(known.length === 0 ? null : Math.max(...known));
  }
  const most = Math.max(0, ...peaks.filter((peak) => peak !== null));
  return peaks
    .map((peak) => {
      if (peak === null) return ' ';
      return blocks[most === 0 ? 0 : Math.min(7, Math.floor((peak / most) * 8))];
    })
    .join('');
}
