/** A name of a field in the syntax of Lucene, whatever characters it has. */
export function luceneName(field: string): string {
  return field.replace(/[^\p{L}\p{N}_]/gu, '\\$&');
}

/** A value in the syntax of Lucene of which no character is an operator. */
export function luceneQuoted(value: string): string {
  return `"${value.replace(/["\\]/g, '\\$&')}"`;
}

/** A field in Solr's functions, whatever characters its name has. */
export function fieldValue(field: string): string {
  return `field(${luceneQuoted(field)})`;
}
