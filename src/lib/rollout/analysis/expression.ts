import { UserError } from '../../core/errors.js';

/** What an expression counts, where its raw samples can be counted instead. */
export interface RawForm {
  /** With `{{version}}` still in it. */
  readonly selector: string;
  /** `sum by (le)`. */
  readonly byBucket: boolean;
}

/** A vector selector: a metric's name, label matchers in braces, or both. */
const selectorShape =
  /^\s*(?:[a-zA-Z_:][\w:]*\s*)?(?:\{(?:[^"'`{}]|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`)*\}\s*)?$/s;

/**
 * The selector in `sum(increase(SELECTOR[{{window}}]))`, or in the same with `by (le)` before or after; undefined for any
 * other expression, whose value cannot be had from raw samples.
 */
export function rawForm(expression: string): RawForm | undefined {
  const opening = /^\s*sum\s*(by\s*\(\s*le\s*,?\s*\)\s*)?\(\s*increase\s*\(/i.exec(expression);
  if (!opening) return undefined;
  // The first bracket outside of a string ends the selector.
  const start = opening[0].length;
  const bracket = outsideStrings(expression).find(
    ([index, char]) => index >= start && (char === '[' || char === '('),
  );
  if (bracket === undefined || bracket[1] !== '[') return undefined;
  const selector = expression.slice(start, bracket[0]);
  const closing = /^\[\s*\{\{window\}\}\s*\]\s*\)\s*\)\s*(by\s*\(\s*le\s*,?\s*\)\s*)?$/i.exec(
    expression.slice(bracket[0]),
  );
  const byBefore = opening[1] !== undefined;
  const byAfter = closing?.[1] !== undefined;
  if (!closing || (byBefore && byAfter) || selector.trim() === '' || !selectorShape.test(selector))
    return undefined;
  return { selector: selector.trim(), byBucket: byBefore || byAfter };
}

/**
 * The expression with `{{version}}` and `{{window}}` (whole seconds, at least 1) filled in. A version inside of a string is
 * escaped as that string needs it, and taken literally by a regular expression.
 * @throws UserError where no escaping helps
 */
export function fillExpression(expression: string, version: string, windowMs: number): string {
  let filled = '';
  let from = 0;
  let quote: string | undefined;
  let isPattern = false;
  for (let i = 0; i < expression.length; i++) {
    const char = expression[i]!;
    if (quote !== undefined && quote !== '`' && char === '\\') {
      i++;
    } else if (char === quote) {
      quote = undefined;
    } else if (quote === undefined && (char === '"' || char === "'" || char === '`')) {
      quote = char;
      isPattern = /[=!]~\s*$/.test(expression.slice(Math.max(0, i - 20), i));
    } else if (expression.startsWith('{{version}}', i)) {
      filled += expression.slice(from, i) + escapeFor(quote, isPattern, version);
      from = i + '{{version}}'.length;
      i = from - 1;
    }
  }
  filled += expression.slice(from);
  return filled.replaceAll('{{window}}', `${Math.max(1, Math.round(windowMs / 1000))}s`);
}

function escapeFor(quote: string | undefined, isPattern: boolean, version: string): string {
  const value = isPattern ? version.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&') : version;
  if (quote === '"' || quote === "'")
    return value.replaceAll('\\', '\\\\').replaceAll(quote, `\\${quote}`).replaceAll('\n', '\\n');
  if (quote === '`' ? value.includes('`') : !/^[\w:]+$/.test(value))
    throw new UserError(`{{version}} stands where '${version}' cannot be written`, {
      hint: 'Put it into double quotes: {version="{{version}}"}.',
      code: 'PROMQL',
    });
  return value;
}

/** Characters outside of string literals, with their positions. */
function outsideStrings(text: string): [number, string][] {
  const outside: [number, string][] = [];
  let quote: string | undefined;
  for (let i = 0; i < text.length; i++) {
    const char = text[i]!;
    if (quote === undefined) {
      if (char === '"' || char === "'" || char === '`') quote = char;
      else outside.push([i, char]);
    } else if (char === '\\' && quote !== '`') i++;
    else if (char === quote) quote = undefined;
  }
  return outside;
}
