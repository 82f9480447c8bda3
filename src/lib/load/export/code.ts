/** Lines of a program; a list is a block, which is indented. */
export type Code = string | readonly Code[];

export function printCode(code: readonly Code[], indent: string, depth = 0): string {
  return code
    .map((part) =>
      typeof part !== 'string'
        ? printCode(part, indent, depth + 1)
        : part === ''
          ? '\n'
          : `${indent.repeat(depth)}${part}\n`,
    )
    .join('');
}

/**
 * A text as a literal of JavaScript, and of Python: both read the escapes of JSON, and neither takes U+2028 for the end of
 * a line. Halves of surrogate pairs, which no wire can carry, are replaced.
 */
export function literal(text: string): string {
  return JSON.stringify(Buffer.from(text).toString()).replace(
    /[\u007f-\u009f\u2028\u2029\ufeff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** Lines of a comment: whatever the text holds, it ends none of them. */
export function comments(mark: string, lines: readonly string[]): string[] {
  return lines.map(
    (line) =>
      `${mark} ${Buffer.from(line)
        .toString()
        .replace(/[\p{Cc}\u2028\u2029]/gu, ' ')}`,
  );
}

/** Bytes that are text; undefined where they are none. */
export function textIn(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    // Not UTF-8: whoever asks has another way for bytes.
    return undefined;
  }
}

/** Milliseconds as seconds, without an exponent. */
export function secondsText(ms: number): string {
  return String(Number((ms / 1000).toFixed(3)));
}

/** Values by which whole numbers are compared as the values themselves. @returns whole numbers, and what one of them stands for */
export function wholeNumbers(values: readonly number[]): {
  readonly whole: number[];
  readonly scale: number;
} {
  let scale = 1;
  while (scale < 1e6 && values.some((value) => Math.abs(value * scale - Math.round(value * scale)) > 1e-9))
    scale *= 10;
  return { whole: values.map((value) => Math.round(value * scale)), scale };
}
