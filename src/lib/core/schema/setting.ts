import * as z from 'zod/mini';

import { UserError, errorMessage } from '../errors.js';
import { type Reference, Unresolved } from './reference.js';
import {
  hostAndPort,
  oneOf,
  plainText,
  positiveDuration,
  positiveSize,
  trueOrFalse,
  wholeNumber,
} from './values.js';

export type SecretKind = 'url' | 'text';

/** What a setting's schema says of it, besides how it is parsed. */
export interface Setting {
  /** For people: the tables of the documentation, the JSON schema, `metrify init`. */
  help: string;
  /** What holds where nothing is said, as it would be written. */
  default?: string;
  /**
   * `url`: may carry a password. `text`: is one. In the file both may be references, and a plain password is refused.
   * Under names of the person's own the name may decide it, and the value that is written there.
   */
  secret?: SecretKind | ((key: string, value: unknown) => SecretKind);
  /** The schemes of a URL. */
  schemes?: readonly string[];
  /** Where a system is: what else is said of that system, in its section, belongs to this address. */
  address?: true;
  /** A path: relative to the file it is in, else to the working directory. */
  path?: true;
  /** A number means nothing without a unit, so the file has to write it as text. */
  unit?: true;
  /** How it is written in JSON: a JSON schema. */
  json: Record<string, unknown>;
}

/** Whether the value of a setting may be, or is, a secret. @param key the last step of its path */
export function secretKind(
  { secret }: Setting,
  key: PropertyKey | undefined,
  value: unknown,
): SecretKind | undefined {
  return typeof secret === 'function' ? secret(String(key), value) : secret;
}

/** Settings by their schemas. A schema is made once, when its module is loaded, and never changed. */
const settings = z.registry<Setting>();

/** The setting that a schema is, if it is one. */
export function settingOf(schema: z.core.$ZodType): Setting | undefined {
  return settings.get(schema);
}

export type SettingType<T> = z.ZodMiniType<T>;

type About = Pick<Setting, 'help'> & Partial<Setting>;

/**
 * A setting that the function reads. What it throws becomes the problem's message.
 * A reference that is not looked up yet passes: what it stands for is read once it is known.
 */
export function setting<T>(
  read: (value: unknown) => T,
  about: About & Pick<Setting, 'json'>,
): SettingType<T> {
  return z
    .pipe(
      z.unknown(),
      z.transform((value, context): T => {
        if (value instanceof Unresolved) return value as T;
        try {
          return read(value);
        } catch (error) {
          const path = error instanceof Within ? [...error.path] : [];
          context.issues.push({ code: 'custom', message: explain(error), path, input: value });
          return z.NEVER;
        }
      }),
    )
    .register(settings, about) as unknown as SettingType<T>;
}

/** What is wrong with a part of a setting that is more than one value. */
export class Within extends UserError {
  override readonly name = 'Within';
  constructor(
    readonly path: readonly PropertyKey[],
    message: string,
    hint?: string,
  ) {
    super(message, hint === undefined ? {} : { hint });
  }
}

/** What an error of a value's reader says, on one line: its message and its hint. */
export function explain(error: unknown): string {
  const hint = error instanceof UserError ? error.hint : undefined;
  return hint === undefined ? errorMessage(error) : `${errorMessage(error)}. ${hint}`;
}

/** Text, which the function may refuse or turn into something else. */
export function text<T = string>(about: About, read: (text: string) => T = plainText as (text: string) => T) {
  return setting(
    (value) => {
      if (typeof value === 'number' && about.unit) return read(String(value));
      // YAML reads 1.10 as 1.1.
      if (typeof value === 'number') throw new Error('must be text: write it in quotes');
      if (typeof value !== 'string') throw new Error('must be text');
      return read(value);
    },
    { json: { type: 'string' }, ...about },
  );
}

/** Milliseconds, above 0: text with a unit; from a program also a number of milliseconds. */
export function duration(about: About): SettingType<number> {
  return quantity(about, positiveDuration, {
    type: 'string',
    pattern: '^[0-9.]+ *(ms|s|m|h|d)$',
    examples: ['30s'],
  });
}

/** Bytes, above 0: text with a unit; from a program also a number of bytes. */
export function size(about: About): SettingType<number> {
  return quantity(about, positiveSize, {
    type: 'string',
    pattern: '^[0-9.]+ *[kKMGT]?i?B$',
    examples: ['100MB'],
  });
}

function quantity(about: About, read: (text: string) => number, json: Setting['json']): SettingType<number> {
  return setting(
    (value) => {
      if (typeof value === 'string') return read(value);
      if (typeof value !== 'number') throw new Error('must be text');
      if (!(value > 0 && Number.isFinite(value))) throw new Error('must be above zero');
      return value;
    },
    { unit: true, json, ...about },
  );
}

/** A whole number in a range, both ends included. */
export function whole(about: About, least: number, most = Number.MAX_SAFE_INTEGER): SettingType<number> {
  const limited = most < Number.MAX_SAFE_INTEGER;
  return setting((value) => wholeNumber(value, least, most), {
    json: { type: 'integer', minimum: least, ...(limited ? { maximum: most } : {}) },
    ...about,
  });
}

export function yesNo(about: About): SettingType<boolean> {
  return setting((value) => (typeof value === 'boolean' ? value : trueOrFalse(value)), {
    json: { type: 'boolean' },
    ...about,
  });
}

export function choice<const C extends readonly string[]>(choices: C, about: About): SettingType<C[number]> {
  return setting(oneOf(choices), { json: { enum: choices }, ...about });
}

/** A reference to a secret, as JSON schema. */
export const referenceJson = {
  type: 'object',
  oneOf: [
    { properties: { env: { type: 'string', minLength: 1 } }, required: ['env'], additionalProperties: false },
    {
      properties: { file: { type: 'string', minLength: 1 } },
      required: ['file'],
      additionalProperties: false,
    },
  ],
};

/** What is secret as a whole: a password, a token. */
export function secret(about: About): SettingType<string> {
  return text({ secret: 'text', json: referenceJson, ...about });
}

/**
 * A URL, whose password must not be in the file.
 * @param check how its user reads it
 */
export function url(
  schemes: readonly string[],
  check: (text: string) => unknown,
  about: About,
): SettingType<string> {
  return text({ secret: 'url', schemes, json: urlJson(schemes), ...about }, passing(check));
}

/**
 * One URL, or several with commas between them.
 * @param check how their user reads them all
 */
export function urls(
  schemes: readonly string[],
  check: (urls: string[]) => unknown,
  about: About,
): SettingType<string[]> {
  return list(
    passing((one) => check([one])),
    { secret: 'url', schemes, json: urlJson(schemes), ...about },
    check,
  );
}

/** A check of URLs that are settings each, as `urls` has it. */
export function checkTogether(check: (urls: string[]) => unknown) {
  return ({ value, issues }: z.core.ParsePayload<string[]>): void => {
    // References are looked up later.
    if (value.some((one) => typeof one !== 'string')) return;
    try {
      check(value);
    } catch (error) {
      issues.push({ code: 'custom', message: explain(error), input: value });
    }
  };
}

/** Text as it is written, once it has been read. */
function passing(check: (text: string) => unknown) {
  return (value: string): string => {
    check(value);
    return value;
  };
}

function urlJson(schemes: readonly string[]): Setting['json'] {
  return { anyOf: [{ type: 'string', pattern: `^(${schemes.join('|')})://` }, referenceJson] };
}

export function addresses(about: About): SettingType<string[]> {
  return list(hostAndPort, { json: { type: 'array', items: { type: 'string' }, minItems: 1 }, ...about });
}

/** A list, or its items with commas between them. Each problem is that of its item. */
function list<T>(
  read: (text: string) => T,
  about: About & Pick<Setting, 'json'>,
  together: (items: T[]) => unknown = () => undefined,
): SettingType<T[]> {
  return z
    .pipe(
      z.unknown(),
      z.transform((value, context): T[] => {
        if (value instanceof Unresolved) return value as unknown as T[];
        const isText = typeof value === 'string';
        const items: unknown[] = isText ? value.split(',').map((part) => part.trim()) : (value as unknown[]);
        if (!Array.isArray(items) || items.length === 0) {
          const message = Array.isArray(items) ? 'must not be empty' : 'must be a list';
          context.issues.push({ code: 'custom', message, input: value });
          return z.NEVER;
        }
        const readable = items.flatMap((item, index) => {
          try {
            if (item instanceof Unresolved) return [];
            if (typeof item !== 'string') throw new Error('must be text');
            return [read(item)];
          } catch (error) {
            const path = isText ? [] : [index];
            context.issues.push({ code: 'custom', message: explain(error), path, input: item });
            return [];
          }
        });
        if (readable.length === items.length)
          try {
            together(readable);
          } catch (error) {
            context.issues.push({ code: 'custom', message: explain(error), input: value });
          }
        return readable;
      }),
    )
    .register(settings, about) as unknown as SettingType<T[]>;
}

export type { Reference };
