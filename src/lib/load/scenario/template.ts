/** A part of a text with placeholders: text that stays, or the name of what is filled in. */
export type TemplatePart = string | { readonly fill: string };

/** `name`, or `feed.column`. */
const name = String.raw`[A-Za-z_][\w-]*(?:\.[^\s{}"'\x60.][^{}"'\x60\n.]*)?`;
const placeholder = new RegExp(String.raw`\{\{(${name})\}\}|\{(${name})\}`, 'g');

/**
 * `/meters/{meters.id}/latest` as its parts. A name in two pairs of braces is text: `{{id}}` is sent as `{id}`. Other braces
 * are text as well, so that JSON needs no escapes.
 */
export function parseTemplate(text: string): TemplatePart[] {
  const parts: TemplatePart[] = [];
  let literal = '';
  let at = 0;
  for (const { 0: all, 1: doubled, 2: fill, index } of text.matchAll(placeholder)) {
    literal += text.slice(at, index);
    at = index + all.length;
    if (doubled !== undefined) literal += `{${doubled}}`;
    else {
      if (literal !== '') parts.push(literal);
      literal = '';
      parts.push({ fill: fill! });
    }
  }
  literal += text.slice(at);
  if (literal !== '' || parts.length === 0) parts.push(literal);
  return parts;
}

/** The names of a text's placeholders, in their order. */
export function placeholdersIn(text: string): string[] {
  return parseTemplate(text).flatMap((part) => (typeof part === 'string' ? [] : [part.fill]));
}

/** Values that every placeholder can have: a random UUID, and the time of the send in ISO 8601, UTC. */
export const builtIns = ['uuid', 'now'] as const;
