import { counted, formatCount } from '../lib/core/units.js';
import type { IndexResult } from '../lib/search/bulk/index-rows.js';
import type { Printer } from '../runtime/printer.js';

/** What `search index` did. */
export function presentIndexing(result: IndexResult, printer: Printer): void {
  const { index, read, indexed, rejected, retried, uncertain, unwritten, resumedAt } = result;
  const from = resumedAt === undefined ? '' : `, resumed after row ${formatCount(resumedAt)}`;
  printer.facts([
    ['index', index],
    ['read', `${counted(read, 'row')}${from}`],
    ['indexed', formatCount(indexed)],
    ['rejected', rejected > 0 ? printer.red(formatCount(rejected)) : '0'],
    ['retried', formatCount(retried)],
  ]);
  if (uncertain !== undefined)
    printer.warn(`${counted(uncertain, 'more row')} may have been written: no answer came`);
  if (unwritten !== undefined)
    printer.warn(
      `${counted(unwritten, 'more row')} ${unwritten === 1 ? 'was' : 'were'} read, and not written`,
    );
  presentReasons(result, printer);
}

function presentReasons({ reasons, deadLetter, deadLettersMissing }: IndexResult, printer: Printer): void {
  if (reasons.length === 0) return;
  for (const { reason, count, firstLine } of reasons) {
    const where = firstLine === undefined ? '' : ` (${count === 1 ? '' : 'first on '}line ${firstLine})`;
    printer.bad(`${counted(count, 'row')}: ${reason}${where}`);
  }
  if (deadLetter === undefined) {
    printer.line('      keep them next time with --dead-letter FILE');
    return;
  }
  if (deadLettersMissing)
    printer.line(
      `      ${formatCount(deadLettersMissing)} of them ${deadLettersMissing === 1 ? 'is' : 'are'} missing in ${deadLetter}`,
    );
  else printer.line(`      they are in ${deadLetter}; mend them there, and give it with --file and --mended`);
}
