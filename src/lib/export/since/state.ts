import { readFile, rename } from 'node:fs/promises';

import * as z from 'zod/mini';

import { errorMessage, NotWritten, ServiceConflict, systemCode, UserError } from '../../core/errors.js';
import { writeFileAtomic } from '../../core/files.js';
import { unreadable } from '../../core/unreadable.js';

const xid = z.pipe(
  z.string().check(z.regex(/^\d{1,20}$/)),
  z.transform((text) => BigInt(text)),
);

const schema = z.object({
  format: z.literal('metrify-state'),
  version: z.literal(1),
  /** Of the run that wrote it; its dataset's manifest has the same. */
  run: z.string(),
  writtenAt: z.string(),
  dataset: z.string(),
  table: z.object({
    name: z.string(),
    /** Of the server, as `initdb` gave it; null where it may not be asked. */
    system: z.nullable(z.string()),
    timeline: z.nullable(z.number()),
    database: z.string(),
    oid: z.number(),
    /** The table, or its partitions, with the files that they are in. */
    parts: z.array(
      z.object({
        oid: z.number(),
        file: z.number(),
        /** It was of the table once. Its rows are in the dataset still. */
        detached: z.optional(z.literal(true)),
      }),
    ),
  }),
  horizon: z.object({ oldest: xid, next: xid, until: xid }),
  /** What the rows that were there have where {@link sightingSql} is not null. */
  seen: z.array(z.string().check(z.regex(/^-?\d{1,19}$/))),
  /** Rows of the table. */
  rows: z.number(),
  since: z.object({
    column: z.string(),
    /** As text; null where there was none. */
    newest: z.nullable(z.string()),
  }),
});

/** What a run leaves to the next one: the snapshot that it read, and the rows that the snapshot alone says nothing of. */
export type State = z.infer<typeof schema>;

/** @throws UserError `STATE_INVALID`, or when it cannot be read */
export async function readState(path: string): Promise<State | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw unreadable(path, error);
  }
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    throw new UserError(`${path} is not a state file of this version of metrify`, {
      code: 'STATE_INVALID',
      hint: 'Give another --state FILE, or export to a new folder.',
    });
  }
}

/**
 * The state of a dataset, in a file that is replaced when the dataset is. What it will be stands beside it before: a run that
 * dies between the two is recognised by its name in the manifest.
 */
export class StateFile {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  get #nextPath(): string {
    return `${this.#path}.next`;
  }

  /**
   * @param run the last one with a state, as the dataset's manifest has it
   * @returns undefined where there is neither a state nor such a dataset
   * @throws ServiceConflict `STATE_CONFLICT` when they do not belong together; as `readState`
   */
  async read(run: string | undefined): Promise<State | undefined> {
    const state = await readState(this.#path);
    if (state?.run === run) return state;
    const next = await readState(this.#nextPath);
    if (next && next.run === run) {
      await this.replace();
      return next;
    }
    if (state)
      throw new ServiceConflict(
        run === undefined
          ? `${this.#path} is the state of ${state.dataset}, which is no longer there, or was exported since without --since-column`
          : `${this.#path} is not the state of the dataset's last run, which was written with another state file, or since then`,
        {
          code: 'STATE_CONFLICT',
          hint: `Give the --state and --to that belong together, or remove ${this.#path} and export to a new folder.`,
        },
      );
    throw new ServiceConflict(
      `the dataset was written with --state, and its state ${this.#path} is not there`,
      {
        code: 'STATE_CONFLICT',
        hint: 'Give its state file, or export to a new folder.',
      },
    );
  }

  /** Before the dataset is replaced. @throws NotWritten */
  async prepare(state: State): Promise<void> {
    const text = JSON.stringify(state, (_, value: unknown) =>
      typeof value === 'bigint' ? String(value) : value,
    );
    await this.#write(() => writeFileAtomic(this.#nextPath, `${text}\n`));
  }

  /** After it. @throws NotWritten */
  async replace(): Promise<void> {
    await this.#write(() => rename(this.#nextPath, this.#path));
  }

  async #write(write: () => Promise<void>): Promise<void> {
    try {
      await write();
    } catch (error) {
      throw new NotWritten(`${this.#path} cannot be written: ${errorMessage(error)}`, {
        cause: error,
        hint: 'Make room, or give another --state FILE, and run it again.',
      });
    }
  }
}
