import { ValueUnfit } from './unfit.js';

/**
 * An array as PostgreSQL prints it: `{1,NULL,"a b"}`.
 * @returns its elements' texts
 * @throws ValueUnfit also for one of several dimensions
 */
export function parseArray(text: string): (string | null)[] {
  const body = /^\s*\{([^]*)\}\s*$/.exec(text)?.[1];
  if (body === undefined) throw unfit(text);
  const elements: (string | null)[] = [];
  if (body.trim() === '') return elements;
  const element = /\s*(?:"((?:[^"\\]|\\[^])*)"|((?:[^",{}\\]|\\[^])+?))\s*(,|$)/y;
  for (let isLast = false; !isLast;) {
    const [whole, quoted, bare, end] = element.exec(body) ?? [];
    if (whole === undefined) throw unfit(text);
    if (quoted !== undefined) elements.push(unescape(quoted));
    else elements.push(/^null$/i.test(bare!) ? null : unescape(bare!));
    isLast = end === '';
  }
  return elements;
}

function unescape(text: string): string {
  return text.replace(/\\([^])/g, '$1');
}

function unfit(text: string): ValueUnfit {
  return new ValueUnfit(text, 'an array of one dimension such as {1,2}');
}
