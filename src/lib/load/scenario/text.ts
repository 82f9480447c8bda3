import { escapeFor } from './escape.js';
import type { Fill, Place, Source, Text } from './plan.js';
import { builtIns, parseTemplate, placeholdersIn } from './template.js';

/** What placeholders can be filled with, at one step. */
export interface Scope {
  /** Values that stay the same. */
  readonly constants: ReadonlyMap<string, string>;
  /** Names that requests before it capture. */
  readonly captured: ReadonlySet<string>;
  /** The column of a feed, by `feed.column`. */
  columnOf(fill: string): Source | undefined;
}

/** Whether every placeholder of a text can be filled. */
export function isFilled(template: string, scope: Scope): boolean {
  return placeholdersIn(template).every((fill) => scope.constants.has(fill) || sourceOf(fill, scope));
}

/**
 * A text whose constants are filled in.
 * @param into what values are put into; of a path, values before the first `?` go into segments, and those behind into the query
 * @param literally what becomes of the text around them
 */
export function textOf(
  template: string,
  scope: Scope,
  into: Place | 'path',
  literally: (text: string) => string = (text) => text,
): Text {
  let isQuery = false;
  return joined(
    parseTemplate(template).map((part): string | Fill => {
      if (typeof part === 'string') {
        isQuery ||= part.includes('?');
        return literally(part);
      }
      const place = into === 'path' ? (isQuery ? 'query' : 'segment') : into;
      const constant = scope.constants.get(part.fill);
      if (constant !== undefined) return escapeFor(place, constant);
      const from = sourceOf(part.fill, scope);
      if (!from) throw new Error(`{${part.fill}} was not refused`);
      return { from, into: place };
    }),
  );
}

/** JSON in whose strings, names of members too, placeholders are filled. */
export function jsonText(value: unknown, scope: Scope): Text {
  const inString = (text: string) => textOf(text, scope, 'json', (literal) => escapeFor('json', literal));
  const parts = (part: unknown): Text => {
    if (typeof part === 'string') return ['"', ...inString(part), '"'];
    if (typeof part !== 'object' || part === null) return [JSON.stringify(part) ?? 'null'];
    const isList = Array.isArray(part);
    const members = Object.entries(part).map(([key, inner]) =>
      isList ? parts(inner) : ['"', escapeFor('json', key), '":', ...parts(inner)],
    );
    const separated = members.flatMap((member, i) => (i === 0 ? member : [',', ...member]));
    return isList ? ['[', ...separated, ']'] : ['{', ...separated, '}'];
  };
  return joined(parts(value));
}

/** A text in which nothing is filled any more. */
export function constantIn(text: Text): string | undefined {
  return text.length === 1 && typeof text[0] === 'string' ? text[0] : undefined;
}

/** Neighbouring texts as one. */
function joined(parts: Text): Text {
  const all: (string | Fill)[] = [];
  for (const part of parts) {
    const last = all.at(-1);
    if (typeof part === 'string' && typeof last === 'string') all[all.length - 1] = last + part;
    else all.push(part);
  }
  return all.length === 0 ? [''] : all;
}

/** The form fields `name=value&…`. */
export function formText(form: Readonly<Record<string, string>>, scope: Scope): Text {
  const encode = (text: string) => escapeFor('form', text);
  return joined(
    Object.entries(form).flatMap(([name, value], i) => [
      `${i === 0 ? '' : '&'}${encode(name)}=`,
      ...textOf(value, scope, 'form', encode),
    ]),
  );
}

function sourceOf(fill: string, scope: Scope): Source | undefined {
  const builtIn = builtIns.find((name) => name === fill);
  if (builtIn !== undefined) return { kind: builtIn };
  if (scope.captured.has(fill)) return { kind: 'captured', name: fill };
  return scope.columnOf(fill);
}
