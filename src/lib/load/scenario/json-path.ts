import { UserError } from '../../core/errors.js';

type Step = string | number;

const step = /\.([A-Za-z_$][\w$-]*)|\[(\d+)\]|\['([^']*)'\]|\["([^"]*)"\]/y;

/**
 * `$.items[0].id`, `$['a name']`: one member after the other. Filters and wildcards are not part of it, since what is wanted is
 * one value. @throws UserError
 */
export function parseJsonPath(text: string): readonly Step[] {
  const steps: Step[] = [];
  let at = 1;
  while (at < text.length && text.startsWith('$')) {
    step.lastIndex = at;
    const found = step.exec(text);
    if (!found) break;
    const [all, member, index, single, double] = found;
    steps.push(index === undefined ? (member ?? single ?? double)! : Number(index));
    at += all.length;
  }
  if (!text.startsWith('$') || at < text.length)
    throw new UserError(`'${text}' is not a JSON path`, {
      hint: "Write it like $.items[0].id or $['a name'], without filters and wildcards.",
    });
  return steps;
}

/** @returns undefined where the path leads nowhere */
export function atJsonPath(data: unknown, path: readonly Step[]): unknown {
  return path.reduce<unknown>((value, key) => {
    if (typeof value !== 'object' || value === null) return undefined;
    if (typeof key === 'number' && !Array.isArray(value)) return undefined;
    return Object.hasOwn(value, key) ? (value as Record<Step, unknown>)[key] : undefined;
  }, data);
}
