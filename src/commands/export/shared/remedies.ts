import type { MisfitRules } from '../../../lib/columnar/refusals.js';

/** What flags can do about values that files cannot hold. */
export const remedies = {
  infinity: () => 'Write it as null with --infinity null, or replace it in the query.',
  digits: () => 'Give --numeric more digits, or leave it out: then the numbers are text.',
  misread: (column: string) => `Leave --strict out, or write the column as text: ${column}::text.`,
} satisfies MisfitRules['remedies'];
