/**
 * Lines of at most `width` characters, broken at words. Commands stay whole, so that they can be copied: one that is longer
 * than a line has lines of its own, continued with a backslash. A word that is far longer than the width is cut in the middle; only one that is a little longer makes a longer
 * line.
 */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let prose: string[] = [];
  const end = () => {
    if (prose.length > 0) lines.push(...fill(prose, width));
    prose = [];
  };
  for (const phrase of phrasesOf(text)) {
    if (phrase.includes(' ') && visibleWidth(phrase) > width) {
      end();
      // On lines of its own it needs neither quotes nor the full stop behind them.
      lines.push(...wrapCommand(phrase.replace(/^(['`])(.*)\1[.,;:)]*$/, '$2'), width));
    } else prose.push(phrase.length > longestWord * width ? cutMiddle(phrase, width) : phrase);
  }
  end();
  return lines.length === 0 ? [''] : lines;
}

/** In lines: a key that is longer says nothing more to a person. */
const longestWord = 3;

/**
 * A command in a text: in quotes, or as far as words and flags go. That this takes in words of the sentence which follow does
 * no harm.
 */
const command =
  /'metrify (?:[^']|'[^']*')*?'(?=[\s.,;:)]|$)|`metrify [^`]*`|metrify(?: [a-z]+){1,3}(?: --?[a-z-]+)*/g;

/** Its words, and the commands in it, each of which is one phrase. */
function phrasesOf(text: string): string[] {
  const phrases: string[] = [];
  let at = 0;
  // What is glued to a command, as the full stop behind it is, belongs to its phrase.
  let glued = false;
  const add = (words: string[]) => {
    const [first = '', ...rest] = words;
    if (glued) phrases[phrases.length - 1] += first;
    else phrases.push(first);
    phrases.push(...rest);
    glued = true;
  };
  for (const match of text.matchAll(command)) {
    add(text.slice(at, match.index).split(' '));
    add([match[0]]);
    at = match.index + match[0].length;
  }
  add(text.slice(at).split(' '));
  return phrases;
}

/** The same of words, or of phrases that stay together. */
export function fill(words: readonly string[], width: number): string[] {
  const lines: string[] = [];
  let line: string | undefined;
  for (const word of words) {
    const longer = line === undefined ? word : `${line} ${word}`;
    if (line !== undefined && visibleWidth(longer) > width) {
      lines.push(line.trimEnd());
      line = word;
    } else line = longer;
  }
  return [...lines, line ?? ''];
}

/** Broken before flags only, with a backslash, so that a shell still reads it as one command. */
export function wrapCommand(line: string, width: number): string[] {
  if (visibleWidth(line) <= width) return [line];
  const words = line.match(/(?:'[^']*'|"[^"]*"|[^\s'"])+/g) ?? [];
  const parts: string[] = [];
  for (const word of words)
    if (word.startsWith('-') && word.length > 1) parts.push(word);
    else if (parts.length > 0) parts[parts.length - 1] += ` ${word}`;
    else parts.push(word);
  const lines = fill(parts, width - 4);
  return lines.map((part, i) => `${i === 0 ? '' : '  '}${part}${i < lines.length - 1 ? ' \\' : ''}`);
}

/** The text in at most `width` characters, its middle left out: both ends of a key say what it is. */
export function cutMiddle(text: string, width: number): string {
  const characters = [...text];
  if (characters.length <= width) return text;
  const kept = Math.max(0, width - 1);
  const end = Math.floor(kept / 2);
  return `${characters.slice(0, kept - end).join('')}…${end === 0 ? '' : characters.slice(-end).join('')}`;
}

/** Columns the text takes on a terminal: colours take none. */
export function visibleWidth(text: string): number {
  // eslint-disable-next-line no-control-regex
  return [...text.replace(/\x1b\[[0-9;]*m/g, '')].length;
}
