/** Where a secret stands in a text: from `start` to before `end`. */
export interface Span {
  start: number;
  end: number;
  /** It may be something else: it is hidden, but nobody is refused for it. */
  doubtful?: boolean;
}

/** The text with every span, and what spans have in common, replaced by `***`. */
export function maskSpans(text: string, spans: readonly Span[]): string {
  let masked = '';
  let at = 0;
  for (const { start, end } of [...spans].sort((a, b) => a.start - b.start)) {
    // One that begins within the span before it only makes that longer.
    if (start >= at) masked += `${text.slice(at, start)}***`;
    at = Math.max(at, end);
  }
  return masked + text.slice(at);
}

/** Every index at which `part` begins. */
export function* placesOf(text: string, part: string): Generator<number> {
  for (let at = text.indexOf(part); at >= 0; at = text.indexOf(part, at + 1)) yield at;
}
