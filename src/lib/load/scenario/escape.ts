import type { Place } from './plan.js';

/** A value as it is put into a place, so that it stays one value there. */
export function escapeFor(place: Place, value: string): string {
  switch (place) {
    case 'segment':
    case 'query':
      return percentEncoded(value);
    case 'form':
      return percentEncoded(value).replaceAll('%20', '+');
    case 'json':
      return JSON.stringify(value).slice(1, -1);
    case 'header':
      // Headers are Latin-1 on the wire: UTF-8 goes there byte by byte. A line break would begin another header.
      return (
        Buffer.from(value)
          .toString('latin1')
          // eslint-disable-next-line no-control-regex
          .replace(/[\x00-\x1f\x7f]/g, ' ')
      );
    case 'plain':
      return value;
  }
}

function percentEncoded(value: string): string {
  // Half of a surrogate pair has no code.
  return encodeURIComponent(Buffer.from(value).toString());
}
