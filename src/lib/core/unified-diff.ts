/** Lines around a change that show where it is. */
const context = 3;

/**
 * What turns one text into the other, in the format of `diff -u` (and so for `patch`), under the same name; '' when they
 * are the same. Takes time and memory of the changed region's length squared, so it is for configuration, not for data.
 */
export function unifiedDiff(name: string, before: string, after: string): string {
  if (before === after) return '';
  const edits = editsBetween(linesOf(before), linesOf(after));
  return [`--- ${name}`, `+++ ${name}`, ...hunks(edits)].join('\n') + '\n';
}

interface Edit {
  readonly sign: ' ' | '-' | '+';
  readonly line: string;
}

/** A last line without its line break is another one than the same with it. */
function linesOf(text: string): string[] {
  if (text === '') return [];
  const lines = text.split('\n');
  const last = lines.pop()!;
  return last === '' ? lines : [...lines, `${last}\n\\ No newline at end of file`];
}

function editsBetween(before: readonly string[], after: readonly string[]): Edit[] {
  let start = 0;
  while (start < before.length && start < after.length && before[start] === after[start]) start++;
  let [endBefore, endAfter] = [before.length, after.length];
  while (endBefore > start && endAfter > start && before[endBefore - 1] === after[endAfter - 1]) {
    endBefore--;
    endAfter--;
  }
  const same = (lines: readonly string[]): Edit[] => lines.map((line) => ({ sign: ' ', line }));
  return [
    ...same(before.slice(0, start)),
    ...changed(before.slice(start, endBefore), after.slice(start, endAfter)),
    ...same(before.slice(endBefore)),
  ];
}

/** By the longest common subsequence of the lines. */
function changed(before: readonly string[], after: readonly string[]): Edit[] {
  const width = after.length + 1;
  const common = new Uint32Array((before.length + 1) * width);
  for (let i = before.length - 1; i >= 0; i--)
    for (let j = after.length - 1; j >= 0; j--)
      common[i * width + j] =
        before[i] === after[j]
          ? common[(i + 1) * width + j + 1]! + 1
          : Math.max(common[(i + 1) * width + j]!, common[i * width + j + 1]!);
  const edits: Edit[] = [];
  let [i, j] = [0, 0];
  while (i < before.length || j < after.length) {
    if (i < before.length && j < after.length && before[i] === after[j]) {
      edits.push({ sign: ' ', line: before[i++]! });
      j++;
    } else if (
      j === after.length ||
      (i < before.length && common[(i + 1) * width + j]! >= common[i * width + j + 1]!)
    )
      edits.push({ sign: '-', line: before[i++]! });
    else edits.push({ sign: '+', line: after[j++]! });
  }
  return edits;
}

function hunks(edits: readonly Edit[]): string[] {
  const lines: string[] = [];
  let [old, now] = [1, 1];
  for (let at = 0; at < edits.length;) {
    const first = edits.findIndex(({ sign }, i) => i >= at && sign !== ' ');
    if (first < 0) break;
    const from = Math.max(at, first - context);
    let to = first;
    // Changes whose surroundings touch are one hunk.
    for (let i = first; i < edits.length && i <= to + 2 * context; i++) if (edits[i]!.sign !== ' ') to = i;
    const end = Math.min(edits.length, to + 1 + context);
    old += from - at;
    now += from - at;
    const hunk = edits.slice(from, end);
    const [removed, added] = (['+', '-'] as const).map(
      (other) => hunk.filter(({ sign }) => sign !== other).length,
    );
    lines.push(
      `@@ -${range(old, removed!)} +${range(now, added!)} @@`,
      ...hunk.map(({ sign, line }) => sign + line),
    );
    old += removed!;
    now += added!;
    at = end;
  }
  return lines;
}

/** An empty range is said to be after the line before it. */
function range(start: number, count: number): string {
  return count === 1 ? `${start}` : `${count === 0 ? start - 1 : start},${count}`;
}
