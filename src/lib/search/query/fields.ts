import { UserError } from '../../core/errors.js';
import { didYouMean } from '../../core/nearest.js';
import type { IndexField } from '../engine.js';

type Kind = IndexField['kind'];

const nameOf: Readonly<Record<Kind, string>> = {
  text: 'a text',
  keyword: 'a keyword',
  number: 'a number',
  date: 'a time',
  boolean: 'true or false',
  geo: 'a place',
  other: 'none of these',
  mixed: 'of different types in the indices behind that name',
};

/** The fields of an index, as questions look for them. */
export class Fields {
  readonly #index: string;
  readonly #kinds: ReadonlyMap<string, Kind>;

  /** @param index for messages */
  constructor(index: string, fields: readonly IndexField[]) {
    this.#index = index;
    this.#kinds = new Map(fields.map(({ name, kind }) => [name, kind]));
  }

  /** The field, of one of the kinds. @throws UserError exit 2 */
  of(name: string, ...kinds: readonly Kind[]): string {
    const kind = this.#kinds.get(name);
    if (kind !== undefined && kinds.includes(kind)) return name;
    if (kind === undefined)
      throw new UserError(`${this.#index} has no field '${name}'${didYouMean(name, this.#kinds.keys())}`, {
        code: 'FIELD_UNKNOWN',
        hint: `It has: ${[...this.#kinds.keys()].sort().join(', ') || 'no fields'}.`,
      });
    throw new UserError(`'${name}' of ${this.#index} is ${nameOf[kind]}, and not ${listOf(kinds)}`, {
      code: 'FIELD_UNFIT',
    });
  }

  /** Where values are compared as a whole: the field, or the keyword below a field of text. @throws UserError exit 2 */
  exact(name: string): string {
    const keyword = this.#kinds.get(name) === 'text' ? this.#below(name, 'keyword')[0] : undefined;
    return keyword ?? this.of(name, 'keyword', 'number', 'date', 'boolean');
  }

  /** The first of the usual names that is there, or else the only field of the kind. @throws UserError exit 2 */
  usual(names: readonly string[], kind: Kind, flag: string): string {
    const all = this.#of(kind);
    const found = names.find((name) => all.includes(name)) ?? (all.length === 1 ? all[0] : undefined);
    if (found !== undefined) return found;
    const what = nameOf[kind];
    if (all.length === 0)
      throw new UserError(`${this.#index} has no field that is ${what}`, { code: 'FIELD_UNKNOWN' });
    throw new UserError(`${this.#index} has several fields that are ${what}: ${all.join(', ')}`, {
      code: 'FIELD_UNCLEAR',
      hint: `Say which: ${flag}.`,
    });
  }

  /** Where words are looked for. @throws UserError exit 2 when there is no text */
  texts(): { fields: string[]; whole: string[]; exact: string[] } {
    const all = this.#of('text');
    const fields = all.filter((name) => !all.includes(parentOf(name)));
    if (fields.length === 0)
      throw new UserError(`${this.#index} has no field that is a text`, { code: 'FIELD_UNKNOWN' });
    return {
      fields,
      whole: fields.flatMap((name) => this.#below(name, 'keyword')),
      exact: fields.flatMap((name) => this.#below(name, 'text')),
    };
  }

  #of(kind: Kind): string[] {
    return [...this.#kinds].filter(([, one]) => one === kind).map(([name]) => name);
  }

  /** Other readings of a field: fields right below it. */
  #below(parent: string, kind: Kind): string[] {
    return this.#of(kind).filter((name) => parentOf(name) === parent);
  }
}

function parentOf(name: string): string {
  return name.slice(0, Math.max(0, name.lastIndexOf('.')));
}

function listOf(kinds: readonly Kind[]): string {
  const names = kinds.map((kind) => nameOf[kind]);
  return names.length === 1 ? names[0]! : `${names.slice(0, -1).join(', ')} or ${names.at(-1)!}`;
}
