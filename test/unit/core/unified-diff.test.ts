import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import fc from 'fast-check';
import { afterAll, expect, it } from 'vitest';

import { unifiedDiff } from '../../../src/lib/core/unified-diff.js';

const folder = mkdtempSync(join(tmpdir(), 'metrify-diff-'));
afterAll(() => rmSync(folder, { recursive: true }));
const file = join(folder, 'file');

/** What `patch` makes of the text. */
function patched(before: string, diff: string): string {
  writeFileSync(file, before);
  execFileSync('patch', ['--quiet', '--posix', file], { input: diff });
  return readFileSync(file, 'utf8');
}

const line = fc.constantFrom('a', 'b', 'weight: 10', 'weight: 90', '', '-', '+ x', '@@');
const text = fc
  .tuple(fc.array(line, { maxLength: 30 }), fc.boolean())
  .map(([lines, ends]) => lines.join('\n') + (ends && lines.length > 0 ? '\n' : ''));

it('is what patch takes to make the one text of the other', () => {
  fc.assert(
    fc.property(text, text, (before, after) => {
      fc.pre(before !== after && before !== '' && after !== '');
      expect(patched(before, unifiedDiff('file', before, after))).toBe(after);
    }),
    { numRuns: 60 },
  );
});

it('is as short as that of diff', () => {
  const changed = (diff: string) =>
    diff
      .split('\n')
      .slice(2)
      .filter((one) => /^[-+]/.test(one)).length;
  fc.assert(
    fc.property(text, text, (before, after) => {
      writeFileSync(file, before);
      writeFileSync(`${file}2`, after);
      const theirs = execFileSync('bash', ['-c', 'diff -u --minimal "$0" "$1" || true', file, `${file}2`], {
        encoding: 'utf8',
      });
      expect(changed(unifiedDiff('file', before, after))).toBe(changed(theirs));
    }),
    { numRuns: 40 },
  );
});

it('is nothing of the same text', () => expect(unifiedDiff('file', 'a\nb', 'a\nb')).toBe(''));

it('shows three lines around each change', () => {
  const lines = Array.from({ length: 30 }, (_, i) => `line ${i}`);
  const after = lines.with(5, 'new').with(20, 'new');
  expect(unifiedDiff('web.conf', `${lines.join('\n')}\n`, `${after.join('\n')}\n`)).toBe(
    [
      '--- web.conf',
      '+++ web.conf',
      ...[
        '@@ -3,7 +3,7 @@',
        ' line 2',
        ' line 3',
        ' line 4',
        '-line 5',
        '+new',
        ' line 6',
        ' line 7',
        ' line 8',
      ],
      ...[
        '@@ -18,7 +18,7 @@',
        ' line 17',
        ' line 18',
        ' line 19',
        '-line 20',
        '+new',
        ' line 21',
        ' line 22',
        ' line 23',
      ],
      '',
    ].join('\n'),
  );
});
