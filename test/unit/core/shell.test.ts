import { execFileSync } from 'node:child_process';

import fc from 'fast-check';
import { expect, test } from 'vitest';

import { shellOperand, shellQuoted, shellWord } from '../../../src/lib/core/shell.js';

const special = fc.constantFrom(...`'"\\$\`!*?[]{}()<>|&;#~ =\t\n-%,:./@+`.split(''), 'a', 'ü', '😀');
const words = fc.array(
  fc.oneof(
    fc.string({ unit: special }),
    fc.string({ unit: 'grapheme' }).filter((text) => !text.includes('\0')),
  ),
  { minLength: 1, maxLength: 40 },
);

test.each([shellWord, shellQuoted])('sh reads what %o writes as the same words', (quote) => {
  fc.assert(
    fc.property(words, (texts) => {
      const script = `printf '%s\\0' ${texts.map(quote).join(' ')}`;
      const read = execFileSync('sh', ['-c', script], { env: { LC_ALL: 'C.UTF-8' } }).toString();
      expect(read.split('\0').slice(0, -1)).toEqual(texts);
    }),
    { numRuns: 100 },
  );
});

test('a word that needs no quotes gets none', () => {
  for (const word of ['meter:1/readings', '--key', 'a=b', '50%', 'a@b,c+d'])
    expect(shellWord(word)).toBe(word);
  for (const word of ['', '=ls', '~', 'a b', "it's", '*']) expect(shellWord(word)).toMatch(/^'/);
});

test('what begins like a flag follows --', () => {
  for (const key of ['-dash', '--help', '-']) expect(shellOperand(key)).toBe(`-- ${key}`);
  for (const key of ['meter:1', 'a-b', 'it is']) expect(shellOperand(key)).toBe(shellWord(key));
});
