import { type ByteString, fromBytes } from '../../core/bytes.js';
import { memberText } from '../../sources/json-members.js';
import type { FieldKind } from './schema.js';

/** Of a document: what Solr would store as something else without a word, or could not give back. */
export class UnfitDocument extends Error {
  override readonly name = 'UnfitDocument';
}

const number = /^[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?$/;
/** Solr keeps milliseconds, and computes dates like `NOW/DAY`. */
const instant = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,3})?Z$/;

/**
 * Refuses a value that a field would hold as another: Solr wraps 3000000000 in an int field to −1294967296, cuts 1.5 to 1
 * and makes 1e400 infinite, each with status 200. What it refuses itself passes.
 * @param raw a JSON string, number or literal
 * @param kind of the field; undefined where the schema does not have the field, and may guess
 * @param isSourceKept the digits are kept elsewhere, and only what is searched for could differ
 * @throws UnfitDocument
 */
export function requireKept(
  name: string,
  raw: ByteString,
  kind: FieldKind | undefined,
  isSourceKept: boolean,
): void {
  const code = raw.charCodeAt(0);
  const isText = code === 34;
  if (kind === 'date') {
    if (isText && !instant.test(memberText(raw)!))
      throw new UnfitDocument(
        `${name}: ${shown(raw)} is not a time as Solr keeps it: 2026-11-29T12:00:00.000Z`,
      );
    return;
  }
  // A text that no number field takes is Solr's to refuse; in a field of text it is kept.
  if (isText && (kind === undefined || !numeric.has(kind))) return;
  const digits = isText ? memberText(raw)! : raw;
  if (!number.test(digits) || isKept(digits, kind, isSourceKept)) return;
  throw new UnfitDocument(
    `${name}: a field of type ${kind ?? 'long or double'} does not hold ${shown(raw)}, and Solr would store another number`,
  );
}

/**
 * Refuses a value that would come back in another spelling than the field's own, where fields are all there is of a document.
 * @param raw as for `requireKept`, which has passed it
 * @throws UnfitDocument
 */
export function requireGivenBack(
  name: string,
  raw: ByteString,
  kind: FieldKind,
  keepsEmptyTexts: boolean,
): void {
  if (raw === 'null') return;
  const text = memberText(raw) ?? raw;
  const isText = raw.charCodeAt(0) === 34;
  if (text === '' && !keepsEmptyTexts)
    throw new UnfitDocument(
      `${name}: the core's chain of updates leaves empty texts out. With update.autoCreateFields=false it keeps them`,
    );
  const isGivenBack =
    kind === 'boolean'
      ? text === 'true' || text === 'false'
      : kind === 'text' || kind === 'keyword'
        ? isText || !number.test(text) || isJavaSpelling(text)
        : !isText || !numeric.has(kind) || number.test(text) || !digit.test(fromBytes(text));
  if (!isGivenBack)
    throw new UnfitDocument(`${name}: a field of type ${kind} would hold ${shown(raw)} as another value`);
}

/** Of any script, or what Java reads as a number. Other texts are Solr's to refuse in a field of numbers. */
const digit = /[\p{Nd}\u221e\ufffd]|NaN/u;

/** Whether Java writes the number so: Solr makes a text of it. */
function isJavaSpelling(digits: string): boolean {
  if (/^-?\d+$/.test(digits)) return digits !== '-0';
  const value = Math.abs(Number(digits));
  const isPlain = value === 0 || (value >= 1e-3 && value < 1e7);
  const { figures } = decimalOf(digits);
  return isPlain && figures.length <= 15 && digits.replace(/\.0$/, '') === String(Number(digits));
}

const numeric: ReadonlySet<FieldKind> = new Set(['int', 'long', 'float', 'double']);

function isKept(digits: string, kind: FieldKind | undefined, isSourceKept: boolean): boolean {
  switch (kind) {
    case 'int':
      return isWhole(digits, -(2n ** 31n), 2n ** 31n);
    case 'long':
      return isWhole(digits, -(2n ** 63n), 2n ** 63n);
    case 'float':
      return isRounded(digits, Math.fround, isSourceKept ? Infinity : 6);
    case 'double':
      return isRounded(digits, Number, isSourceKept ? Infinity : 15);
    case undefined:
      return (
        isWhole(digits, -(2n ** 63n), 2n ** 63n) || isRounded(digits, Number, isSourceKept ? Infinity : 15)
      );
    default:
      return true;
  }
}

/** Solr reads whole numbers with zeros behind the point, too. */
function isWhole(digits: string, least: bigint, end: bigint): boolean {
  const { figures, exponent } = decimalOf(digits);
  if (figures === '') return true;
  if (exponent < 0 || exponent > 20) return false;
  const value = BigInt(figures + '0'.repeat(exponent)) * (digits.startsWith('-') ? -1n : 1n);
  return value >= least && value < end;
}

/**
 * @param round to the numbers that the field has
 * @param sure so many figures are always kept
 */
function isRounded(digits: string, round: (value: number) => number, sure: number): boolean {
  const value = round(Number(digits));
  if (!Number.isFinite(value)) return false;
  const given = decimalOf(digits);
  if (sure === Infinity || given.figures === '') return true;
  // Below it there are fewer figures, the fewer the smaller the number is.
  if (Math.abs(value) < (round === Math.fround ? 2 ** -126 : 2 ** -1022)) return false;
  if (given.figures.length <= sure) return true;
  const held = decimalOf(shortest(value, round));
  return given.figures === held.figures && given.exponent === held.exponent;
}

/** As Solr gives it back: with as few figures as tell it from its neighbours. */
function shortest(value: number, round: (value: number) => number): string {
  if (round === Number) return String(value);
  for (let figures = 1; figures < 9; figures++) {
    const text = value.toPrecision(figures);
    if (round(Number(text)) === value) return text;
  }
  return value.toPrecision(9);
}

/** The number as figures × 10^exponent, without its sign, without zeros around the figures. */
export function decimalOf(digits: string): { readonly figures: string; readonly exponent: number } {
  const [, whole = '', fraction = '', power = '0'] = /^[-+]?(\d*)\.?(\d*)(?:[eE](.*))?$/.exec(digits)!;
  const all = (whole + fraction).replace(/^0+/, '');
  const figures = all.replace(/0+$/, '');
  return { figures, exponent: Number(power) - fraction.length + (all.length - figures.length) };
}

function shown(raw: ByteString): string {
  const text = fromBytes(raw);
  return text.length <= 60 ? text : `${text.slice(0, 59)}…`;
}
