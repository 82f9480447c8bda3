import { UserError } from '../../core/errors.js';
import { didYouMean } from '../../core/nearest.js';
import { Within } from '../../core/schema/setting.js';
import { positiveDuration } from '../../core/schema/values.js';

/** How long a user waits: a distribution, in milliseconds. */
export type Wait =
  | { readonly kind: 'constant'; readonly ms: number }
  | { readonly kind: 'uniform'; readonly fromMs: number; readonly toMs: number }
  | { readonly kind: 'exponential'; readonly meanMs: number }
  | { readonly kind: 'normal'; readonly meanMs: number; readonly deviationMs: number };

/** Users who wait equally long stay in step: a plain duration is varied by so much. */
const jitter = 0.25;

const hint = 'Write 2s, 1s..3s, { constant: 2s }, { exponential: 2s } or { normal: 2s, deviation: 500ms }.';
const keys = ['constant', 'exponential', 'normal', 'deviation'];

/** Reads `1s..3s`, `2s` (up to a quarter more or less) and the mappings. @throws UserError */
export function readWait(value: unknown): Wait {
  if (typeof value === 'string') return readText(value);
  if (typeof value !== 'object' || value === null) throw new UserError('is not a wait', { hint });
  const entries = Object.entries(value);
  for (const [key] of entries)
    if (!keys.includes(key)) throw new Within([key], `unknown setting '${key}'${didYouMean(key, keys)}`);
  const given = Object.fromEntries(entries.map(([key, text]) => [key, durationAt(key, text)]));
  const { constant, exponential, normal, deviation } = given;
  const kinds = [constant, exponential, normal].filter((kind) => kind !== undefined);
  if (kinds.length !== 1 || (deviation === undefined) !== (normal === undefined))
    throw new UserError('is not one wait', { hint });
  if (constant !== undefined) return { kind: 'constant', ms: constant };
  if (exponential !== undefined) return { kind: 'exponential', meanMs: exponential };
  return { kind: 'normal', meanMs: normal!, deviationMs: deviation! };
}

function readText(text: string): Wait {
  const [from, to, ...more] = text.split('..');
  if (to === undefined) {
    const ms = positiveDuration(text);
    return { kind: 'uniform', fromMs: ms * (1 - jitter), toMs: ms * (1 + jitter) };
  }
  if (more.length > 0) throw new UserError(`'${text}' is not a range`, { hint });
  // 0s..2s is a wait as well.
  const fromMs = /^\s*0+(ms|s|m)\s*$/.test(from!) ? 0 : positiveDuration(from!.trim());
  const toMs = positiveDuration(to.trim());
  if (fromMs > toMs) throw new UserError(`'${text}' ends before it begins`, { hint });
  return { kind: 'uniform', fromMs, toMs };
}

function durationAt(key: string, value: unknown): number {
  try {
    if (typeof value !== 'string') throw new UserError('must be a duration, like 2s');
    return positiveDuration(value);
  } catch (error) {
    throw new Within([key], (error as Error).message, hint);
  }
}

/** @param random numbers from 0 to 1 @returns milliseconds */
export function drawWait(wait: Wait, random: () => number): number {
  switch (wait.kind) {
    case 'constant':
      return wait.ms;
    case 'uniform':
      return wait.fromMs + random() * (wait.toMs - wait.fromMs);
    case 'exponential':
      return -wait.meanMs * Math.log(1 - random());
    case 'normal': {
      // Box and Muller, 1958.
      const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
      return Math.max(0, wait.meanMs + wait.deviationMs * normal);
    }
  }
}
