import * as z from 'zod/mini';
import { hasPassword } from '../../lib/core/redact.js';
import { explain } from './problems.js';
import type { Scalar } from './scalars.js';
import { isReference } from './secrets.js';

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

const writeReference = 'write { env: NAME } or { file: PATH } instead';

/** @throws Error saying what is wrong with a value as the file has it. */
export function checkScalar(setting: Pick<Scalar, 'parse' | 'secret' | 'inFile'>, value: unknown): void {
  if (value === undefined) return;
  if (setting.secret !== undefined && typeof value === 'object' && value !== null)
    return checkReference(value);
  if (setting.secret === 'text') throw new Error(`a secret does not stand in this file: ${writeReference}`);
  if (setting.inFile === 'boolean') {
    if (typeof value !== 'boolean') throw new Error('must be true or false');
    return;
  }
  if (setting.secret === 'url' && typeof value === 'string' && hasPassword(value))
    throw new Error(`a URL with a password does not stand in this file: ${writeReference}`);
  if (typeof value !== 'string' && typeof value !== 'number') throw new Error('must be text');
  setting.parse(String(value));
}

function checkReference(value: object): void {
  const [[kind, target] = [], ...others] = Object.entries(value);
  if (!isReference(value) || others.length > 0 || (kind !== 'env' && kind !== 'file'))
    throw new Error('must be text, { env: NAME } or { file: PATH }');
  if (typeof target !== 'string' || target === '')
    throw new Error(kind === 'env' ? 'env: wants the name of a variable' : 'file: wants the path of a file');
}
