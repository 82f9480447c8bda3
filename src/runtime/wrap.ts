/** Lines of at most `width` characters; only a word that is longer than that makes a longer line. */
export function wrap(text: string, width: number): string[] {
  return fill(text.split(' '), width);
}

/** The same of words, or of phrases that stay together. */
export function fill(words: readonly string[], width: number): string[] {
  const lines: string[] = [];
  let line: string | undefined;
  for (const word of words) {
    const longer = line === undefined ? word : `${line} ${word}`;
    if (line !== undefined && visibleWidth(longer) > width) {
      lines.push(line);
      line = word;
    } else line = longer;
  }
  return [...lines, line ?? ''];
}

/** Columns the text takes on a terminal: colours take none. */
export function visibleWidth(text: string): number {
  // eslint-disable-next-line no-control-regex
  return [...text.replace(/\x1b\[[0-9;]*m/g, '')].length;
}
