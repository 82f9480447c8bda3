/** A name of a field in the syntax of Lucene, whatever characters it has. */
export function luceneName(field: string): string {
  return field.replace(/[^\p{L}\p{N}_]/gu, '\\$&');
}

/** A value in the syntax of Lucene of which no character is an operator. */
export function luceneQuoted(value: string): string {
  return `"${value.replace(/["\\]/g, '\\$&')}"`;
}
