import { UserError } from '../core/errors.js';

/** Why a value does not go into a file as it is. */
export interface Misfit {
  /** What is found: `infinity`. */
  readonly value: string;
  readonly kind: MisfitKind;
}

export type MisfitKind = keyof typeof remedies;

/** What a person can do about a column, whose name is quoted for SQL, in a sentence. */
type Remedy = (column: string) => string;

const remedies = {
  infinity: () => 'Write it as null, or write the column as text.',
  range: (column) => `Leave the row out, or write the column as text: ${column}::text.`,
  notANumber: (column) => `Write it as null with nullif(${column}, 'NaN'), or as text: ${column}::text.`,
  digits: () => 'Write the column as text, or with more digits.',
  dimensions: (column) => `Write the column as JSON: to_json(${column}).`,
  encoding: (column) =>
    `Write its bytes, ${column}::bytea, or convert it: convert_from(${column}::bytea, 'LATIN1').`,
  /** The file is right, and some of its readers are not. */
  misread: (column) => `Write the column as text: ${column}::text.`,
} satisfies Record<string, Remedy>;

/** What becomes of values that do not fit. */
export interface MisfitRules {
  readonly infinity: 'error' | 'null';
  readonly misread: 'error' | 'keep';
  /** Those that the caller has, in the place of others. */
  readonly remedies?: Partial<Record<MisfitKind, Remedy>>;
}

interface Tally {
  readonly column: string;
  readonly misfit: Misfit;
  /** Of the query, from 1. */
  readonly row: number;
  readonly key: string | undefined;
  count: number;
}

/** Is told of values that files cannot hold. */
export interface MisfitSink {
  /** Whether no more rows are of use. */
  readonly isFatal: boolean;
  /**
   * @param row of the query, from 1
   * @param key says which row it is, as a person knows it: `id = 7`
   */
  add(column: string, misfit: Misfit, row: number, key: () => string | undefined): void;
  /** After the last row. @throws UserError `VALUE_REFUSED` */
  check(): void;
}

/** Counts values that files cannot hold, of each column and kind, and remembers the first. */
export class Refusals implements MisfitSink {
  readonly #rules: MisfitRules;
  readonly #tallies = new Map<string, Tally>();
  /** Whether the rows may still be written. */
  isFatal = false;

  constructor(rules: MisfitRules) {
    this.#rules = rules;
  }

  /** @param count of such values, from this row on */
  add(column: string, misfit: Misfit, row: number, key: () => string | undefined, count = 1): void {
    const id = `${misfit.kind} ${column}`;
    const tally = this.#tallies.get(id);
    if (tally) tally.count += count;
    else this.#tallies.set(id, { column, misfit, row, key: key(), count });
    this.isFatal ||= this.#isFatal(misfit);
  }

  /** @throws UserError `VALUE_REFUSED` with each column */
  check(): void {
    const fatal = [...this.#tallies.values()].filter(({ misfit }) => this.#isFatal(misfit));
    if (fatal.length === 0) return;
    throw new UserError(
      fatal.map((tally) => `${subject(tally)} that ${fault(tally.misfit)}: ${first(tally)}`).join('; '),
      {
        code: 'VALUE_REFUSED',
        hint: [...new Set(fatal.map((tally) => this.#remedy(tally)))].join(' '),
      },
    );
  }

  /** What was written in spite of it, a sentence for each column. */
  warnings(): string[] {
    return [...this.#tallies.values()]
      .filter(({ misfit }) => !this.#isFatal(misfit))
      .map((tally) =>
        tally.misfit.kind === 'infinity'
          ? `${subject(tally)} that became null: ${first(tally)}`
          : `${subject(tally)} that ${fault(tally.misfit)}: ${first(tally)}`,
      );
  }

  #remedy({ misfit: { kind }, column }: Tally): string {
    return { ...remedies, ...this.#rules.remedies }[kind](quoted(column));
  }

  #isFatal({ kind }: Misfit): boolean {
    if (kind === 'infinity') return this.#rules.infinity === 'error';
    return kind !== 'misread' || this.#rules.misread === 'error';
  }
}

function fault({ kind }: Misfit): string {
  return kind === 'misread' ? 'some readers of ORC misread' : 'the file cannot hold';
}

function subject({ column, count }: Tally): string {
  return `column '${column}' has ${count} ${count === 1 ? 'value' : 'values'}`;
}

function first({ misfit, row, key, count }: Tally): string {
  return `${misfit.value}, ${count === 1 ? '' : 'first '}in row ${row}${key === undefined ? '' : ` (${key})`}`;
}

/** Only where it has to be, unlike SQL that is sent: people read it. */
function quoted(column: string): string {
  return /^[a-z_][a-z0-9_]*$/.test(column) ? column : `"${column.replaceAll('"', '""')}"`;
}
