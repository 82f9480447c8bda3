import { UserError } from '../../core/errors.js';

/** A column and its type, as a person writes them. */
export interface ColumnType {
  readonly name: string;
  readonly type: string;
}

const entry = /\s*(?:"((?:[^"]|"")+)"|([^",:]+?))\s*:\s*([^,:()]+(?:\([^()]*\))?[^,:()]*?)\s*(,|$)/y;

/**
 * Reads `meter_id:int8,value:numeric(9,2)`. A name with a comma or colon stands in double quotes, in which two are one.
 * @throws UserError
 */
export function parseColumnTypes(text: string): ColumnType[] {
  const found: ColumnType[] = [];
  entry.lastIndex = 0;
  for (let isLast = false; !isLast;) {
    const [whole, quoted, bare, type, end] = entry.exec(text) ?? [];
    const name = quoted === undefined ? bare : quoted.replaceAll('""', '"');
    if (whole === undefined || name === undefined)
      throw new UserError(`'${text}' does not name columns and their types`, {
        hint: "Give them as 'meter_id:int8,time:timestamptz,value:numeric(9,2)'.",
      });
    if (found.some((each) => each.name === name))
      throw new UserError(`the column '${name}' is given two types`, { hint: 'Name it once.' });
    found.push({ name, type: type! });
    isLast = end === '';
  }
  return found;
}
