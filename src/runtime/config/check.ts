import * as z from 'zod/mini';
import { explain } from './problems.js';

/** A value that must be text which the parser takes. Numbers get an answer of their own: a unit is missing. */
export function text(parse: (value: string) => unknown): z.ZodMiniType<string> {
  return checked((value) => {
    if (typeof value === 'number') parse(String(value));
    else if (typeof value !== 'string') throw new Error('must be text');
    else parse(value);
  }) as z.ZodMiniType<string>;
}

/** Any value that the function does not throw at. A missing one is zod's own business. */
export function checked(check: (value: unknown) => void): z.ZodMiniType<unknown> {
  return z.unknown().check((payload) => {
    try {
      check(payload.value);
    } catch (error) {
      payload.issues.push({ code: 'custom', message: explain(error), input: payload.value });
    }
  });
}
