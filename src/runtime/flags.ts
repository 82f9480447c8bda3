import { UserError } from '../lib/core/errors.js';
import type { FileAccess } from '../lib/core/file-roles.js';
import { parseDuration, parsePercent, parseSize } from '../lib/core/units.js';

/**
 * What completion offers where any value is accepted: words, or the name of what is looked up in the configuration when
 * it is asked for: `environments`, or what a section has `names` of.
 */
export type Candidates = readonly string[] | string;

/**
 * One flag of a command: the single source for parsing, help, completion and the reference. The name is the
 * camelCase key under which it is declared.
 */
export interface Flag<T = unknown> {
  /** One letter, typed as `-f`. */
  short?: string;
  kind: 'boolean' | 'value' | 'list';
  /** What stands for the value in help: `DURATION`. */
  placeholder?: string;
  help: string;
  /** Shown in help; the value itself is `initial`. */
  default?: string;
  initial: T;
  choices?: readonly string[];
  complete?: Candidates;
  /** The value is a path: completion offers files, and no other file of the command may be the one that is written. */
  file?: FileAccess;
  /** Only what begins with this is a path, which follows it: `@FILE`. */
  filePrefix?: string;
  /** The setting this flag overrides, as a path into the configuration: `redis.url`. */
  setting?: string;
  /** @throws UserError with what would be right. */
  parse(text: string): unknown;
}

type Help = { help: string; placeholder?: string; short?: string; complete?: Candidates };

function value<T>(placeholder: string, parse: (text: string) => T) {
  function make(options: Help & { default: string }): Flag<T>;
  function make(options: Help): Flag<T | undefined>;
  function make(options: Help & { default?: string }): Flag<T | undefined> {
    return {
      kind: 'value',
      placeholder,
      ...options,
      initial: options.default === undefined ? undefined : parse(options.default),
      parse,
    };
  }
  return make;
}

function whole(minimum: number) {
  return (text: string): number => {
    const digits = text.replace(/[_,]/g, '');
    if (!/^\d+$/.test(digits) || Number(digits) < minimum)
      throw new UserError(`'${text}' is not a whole number`, {
        hint: `Give a whole number from ${minimum} up.`,
      });
    return Number(digits);
  };
}

function positiveDuration(text: string): number {
  const ms = parseDuration(text);
  if (ms === 0)
    throw new UserError(`'${text}' is no time at all`, { hint: 'Leave it out, or give a longer one.' });
  return ms;
}

export const flag = {
  text: value('TEXT', (text) => text),
  count: value('N', whole(1)),
  duration: value('DURATION', positiveDuration),
  size: value('SIZE', parseSize),
  percent: value('PERCENT', parsePercent),

  boolean(help: string, options: { short?: string } = {}): Flag<boolean> {
    return { kind: 'boolean', help, ...options, initial: false, parse: () => true };
  },

  /** One value of any kind. */
  parsed<T>(placeholder: string, parse: (text: string) => T, options: Help): Flag<T | undefined> {
    return { kind: 'value', placeholder, ...options, initial: undefined, parse };
  },

  file({ access, ...options }: Help & { access: FileAccess }): Flag<string | undefined> {
    return {
      kind: 'value',
      placeholder: 'FILE',
      ...options,
      file: access,
      initial: undefined,
      parse: (text) => text,
    };
  },

  /** The text itself, or `@FILE` that holds it. */
  textOrFile(options: Help): Flag<string | undefined> {
    return { ...flag.text(options), file: 'read', filePrefix: '@' };
  },

  /** May be given several times, or once with commas. */
  list(options: Help): Flag<string[]> {
    return {
      kind: 'list',
      placeholder: 'NAME',
      ...options,
      initial: [],
      parse: (text) => text.split(',').filter((part) => part !== ''),
    };
  },

  /** May be given several times; commas are part of each value. */
  each<T>(placeholder: string, parse: (text: string) => T, options: Help): Flag<T[]> {
    return { kind: 'list', placeholder, ...options, initial: [], parse: (text) => [parse(text)] };
  },

  choice<const C extends readonly string[], D extends C[number] | undefined = undefined>(
    choices: C,
    options: Help & { default?: D },
  ): Flag<C[number] | (D extends undefined ? undefined : never)> {
    return {
      kind: 'value',
      placeholder: choices.join('|'),
      ...(options as Help & { default?: string }),
      choices,
      initial: options.default as C[number],
      parse(text) {
        if (!choices.includes(text))
          throw new UserError(`'${text}' is not one of ${choices.join(', ')}`, {
            hint: `Give one of ${choices.join(', ')}.`,
          });
        return text;
      },
    };
  },

  /** Like the flag given, and it overrides a setting of the configuration. */
  forSetting<T>(setting: string, options: Help): Flag<T | undefined> {
    return {
      kind: 'value',
      placeholder: 'URL',
      ...options,
      setting,
      initial: undefined,
      parse: (text) => text,
    };
  },
};

export type Flags = Record<string, Flag>;
export type FlagValues<F extends Flags> = { [K in keyof F]: F[K] extends Flag<infer T> ? T : never };

/** The path that a flag's value names, if it names one. */
export function pathOf({ file, filePrefix = '' }: Flag, value: unknown): string | undefined {
  return file !== undefined && typeof value === 'string' && value.startsWith(filePrefix)
    ? value.slice(filePrefix.length)
    : undefined;
}

/** `ttlJitter` as it is typed: `--ttl-jitter`. */
export function flagName(key: string): string {
  return `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** All ways to type a flag, the short one first: `-c`, `--config`. */
export function flagNames(key: string, { short }: Flag): string[] {
  return [...(short === undefined ? [] : [`-${short}`]), flagName(key)];
}

export interface Argument {
  help: string;
  required: boolean;
  /** One or more words; only of a last argument that is required. */
  many?: true;
  /** The command itself checks what it is given. */
  complete?: Candidates;
  /** Not for people: neither help nor the reference shows it. */
  hidden?: true;
}

export type Arguments = Record<string, Argument>;
export type ArgumentValues<A extends Arguments> = {
  [K in keyof A]: A[K] extends { many: true }
    ? string[]
    : A[K] extends { required: true }
      ? string
      : string | undefined;
};
