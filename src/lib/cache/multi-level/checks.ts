import { UserError } from '../../core/errors.js';
import { didYouMean } from '../../core/nearest.js';
import { parseDuration } from '../../core/units.js';

/** What is wrong with a value, as the end of a sentence about it; undefined when nothing is. */
export type Check = (value: unknown) => string | undefined;
type Checks = Readonly<Record<string, Check>>;

/** @param whose for messages: `wrap` @throws UserError `ARGUMENT_INVALID` */
export function checkArgument(whose: string, name: string, value: unknown, check: Check): void {
  const wrong = check(value);
  if (wrong !== undefined) throw invalid(`${whose}: ${name} ${wrong}`, 'ARGUMENT_INVALID');
}

/** @param check made by `options` @param whose for messages: `set` @throws UserError `OPTION_INVALID` */
export function checkOptions(whose: string, given: unknown, check: Check): void {
  const wrong = check(given);
  if (wrong !== undefined) throw invalid(`${whose}: the options ${wrong}`, 'OPTION_INVALID');
}

export function invalid(message: string, code: string): UserError {
  return new UserError(message, { code });
}

/** An object with no other members than these, which may be undefined unless they are required. */
export function options(checks: Checks, required: readonly string[] = []): Check {
  return (value) => {
    const wrong = plainObject(value);
    if (wrong !== undefined) return wrong;
    const members = value as Record<string, unknown>;
    for (const name of Object.keys(members)) {
      const check = Object.hasOwn(checks, name) ? checks[name] : undefined;
      if (check === undefined)
        return `have the unknown name '${name}'${didYouMean(name, Object.keys(checks))}`;
      const member = members[name];
      const problem = member === undefined ? undefined : check(member);
      if (problem !== undefined) return `are not right: ${name} ${problem}`;
    }
    const missing = required.find((name) => members[name] === undefined);
    return missing === undefined ? undefined : `lack ${missing}`;
  };
}

const loneSurrogate = /\p{Surrogate}/u;

export const text: Check = (value) => {
  if (typeof value !== 'string') return `must be text, not ${kindOf(value)}`;
  // Encoded, all of them would be the same character.
  return loneSurrogate.test(value) ? 'must not hold half of a surrogate pair' : undefined;
};

export const plainObject: Check = (value) =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? undefined
    : `must be an object, not ${kindOf(value)}`;

export const list: Check = (value) =>
  Array.isArray(value) ? undefined : `must be an array, not ${kindOf(value)}`;

export function listOf(check: Check): Check {
  return (value) => {
    const wrong = list(value) ?? (value as unknown[]).map(check).find((problem) => problem !== undefined);
    return wrong;
  };
}

export const aFunction: Check = (value) =>
  typeof value === 'function' ? undefined : `must be a function, not ${kindOf(value)}`;

export const positive: Check = (value) =>
  typeof value === 'number' && value > 0 ? undefined : `must be a number above zero, not ${kindOf(value)}`;

export const fromZero: Check = (value) =>
  typeof value === 'number' && value >= 0 ? undefined : `must be a number from zero up, not ${kindOf(value)}`;

/** Milliseconds, or text with a unit; above zero. */
export const duration: Check = (value) => {
  if (typeof value !== 'string') return positive(value);
  try {
    return positive(parseDuration(value));
  } catch {
    return `must be a duration like 500ms, 30s, 5m, 1h or 7d, not '${value}'`;
  }
};

/** An object, of any class, with these methods. */
export function having(...methods: string[]): Check {
  return (value) => {
    const wrong = plainObject(value);
    if (wrong !== undefined) return wrong;
    const missing = methods.find((name) => typeof (value as Record<string, unknown>)[name] !== 'function');
    return missing === undefined ? undefined : `must have a function ${missing}`;
  };
}

export function kindOf(value: unknown): string {
  if (value === null || value === undefined || typeof value === 'number') return String(value);
  if (Array.isArray(value)) return 'an array';
  return `${typeof value === 'object' ? 'an' : 'a'} ${typeof value}`;
}
