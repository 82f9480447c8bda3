import type * as z from 'zod/mini';

import type { Examiner } from '../examiner.js';
import type { Finding } from './findings.js';
import type { Path } from './walk.js';

/** One setting in force, as `metrify config show` prints it. */
export interface Origin {
  path: string;
  /** As it was written; a password in it is masked. */
  value: string;
  /** `flag`, `environment variable X`, `FILE:LINE:COL` or `default`. */
  from: string;
  /** Where a secret was looked up: `variable NAME` or `file PATH`. */
  via?: string;
}

/** What the file says of a section, for what depends on more than the values. */
export interface Written {
  /** As it is in the file, references and all; undefined when the file does not have the section. */
  data: unknown;
  /** The configuration file; undefined without one. */
  file: string | undefined;
  /** `FILE:LINE:COL` of a value below the section. */
  at(path?: Path): string;
}

/** What can be described in a file of its own. */
export interface Description<T = unknown> {
  /** For messages: `a rollout`. */
  what: string;
  /** Begins the codes of errors: `ROLLOUT`. */
  code: string;
  /** Its first keys, for whoever gave something else. */
  example: string;
  /** What helps whoever named a file that is not there. */
  hint?: string;
  schema: z.ZodMiniType<T>;
  /** What the schema cannot see. */
  contradictions(value: never): Finding[];
}

/** A description in the configuration, or in a file of its own. */
export interface Described {
  /** As it is written; a reference is an `Unresolved`. */
  data: Readonly<Record<string, unknown>>;
  /** The file that it is in; relative paths are relative to it. */
  file: string;
  /** `FILE:LINE:COL` of a value. */
  at(path?: Path): string;
}

/** What a section is in the end. */
export interface Finished<T> {
  value: T;
  findings?: Finding[];
  warnings?: { path: Path; message: string }[];
  /** Rows of `config show` for what is more than single values. */
  origins?: Origin[];
}

/** A part of an environment in the configuration, declared by what it configures. */
export interface Section<K extends string = string, T = unknown, F = T | undefined> {
  /** Its key in an environment; '' for settings at the environment's top level. */
  readonly key: K;
  readonly schema: z.ZodMiniType<T>;
  /** An external system, by its name for people. It has one setting that is its address. */
  readonly system?: string;
  /** Where such a system listens on a machine of its user, as its address would be written. */
  readonly usualAddress?: string;
  /**
   * The section is a list of descriptions, each of which may also be a file of its own. A command completes one with
   * flags, so it is checked with the configuration, but its references are looked up, and its values read, only when
   * it is carried out.
   */
  readonly described?: Description;
  /** What the schema cannot see: values that contradict each other. */
  contradictions?(value: never): Finding[];
  /** Completes the section from what the environment says besides. */
  finish?(value: T | undefined, written: Written, environment: never): Finished<F>;
  /**
   * What `metrify doctor` examines of it. Nothing is asked yet; what asks is imported here, on first use.
   * @param env the environment's variables
   */
  examine?(value: NonNullable<F>, env: NodeJS.ProcessEnv): Promise<Examiner[]>;
  /** The names that it gives, by what they are the names of: `{ levels: ['hot', 'warm'] }`. For completion. */
  names?(value: NonNullable<F>): Readonly<Record<string, string[]>>;
}

/** The type of a section in the settings that commands get. */
export type ValueOf<S> =
  S extends Section<string, infer T, infer F> ? F | (undefined extends F ? T : never) : never;

export function section<const K extends string, T, F = T | undefined>(
  declaration: Section<K, T, F>,
): Section<K, T, F> {
  return declaration;
}
