/** Where a secret stands in a text: from `start` to before `end`. */
export interface Span {
  start: number;
  end: number;
  /** It may be something else: it is hidden, but nobody is refused for it. */
  doubtful?: boolean;
}

/** The text with every span, and what spans have in common, replaced by `***`. The spans are in order. */
export function maskSpans(text: string, spans: readonly Span[]): string {
  let masked = '';
  let at = 0;
  for (const { start, end } of spans) {
    // One that begins within the span before it only makes that longer.
    if (start >= at) masked += `${text.slice(at, start)}***`;
    at = Math.max(at, end);
  }
  return masked + text.slice(at);
}

/** Spans that are each in order, as one list in order. */
export function inOrder(...lists: readonly (readonly Span[])[]): readonly Span[] {
  const [only, ...others] = lists.filter((spans) => spans.length > 0);
  if (others.length === 0) return only ?? [];
  return lists.flat().sort((a, b) => a.start - b.start);
}
