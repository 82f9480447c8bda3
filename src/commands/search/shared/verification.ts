import { fromBytes } from '../../../lib/core/bytes.js';
import { counted, formatCount } from '../../../lib/core/units.js';
import type { Comparison } from '../../../lib/search/verify/compare.js';
import type { DifferenceKind } from '../../../lib/search/verify/differences.js';
import type { Repaired } from '../../../lib/search/verify/repair.js';
import type { Check } from '../../../runtime/command.js';
import type { Printer } from '../../../runtime/printer.js';

export interface DifferingDocument {
  readonly id: string;
  readonly routing?: string;
  readonly kind: DifferenceKind;
}

/** Two sides that were compared. */
export interface Verification {
  /** For people. */
  readonly source: string;
  readonly index: string;
  /** Ids on either side. */
  readonly compared: number;
  readonly missing: number;
  readonly extra: number;
  readonly stale: number;
  /** Documents that differ, but were written while they were compared. */
  readonly changing: number;
  /** Documents of the source that another one of the same id follows. */
  readonly duplicates: number;
  /** Documents of the index beside another one of the same id. */
  readonly doubled: number;
  /** Rows that are no documents. */
  readonly refused: number;
  /** Differences that were looked at only once. */
  readonly unconfirmed: number;
  readonly differences: readonly DifferingDocument[];
  readonly repaired?: Repaired;
  /** Of a dry run: what a repair would do. */
  readonly planned?: PlannedRepair;
}

export interface PlannedRepair {
  readonly write: number;
  readonly delete: number;
  /** What has to be named with `--confirm` where something is deleted. */
  readonly confirm?: string;
}

export type Names = Pick<Verification, 'source' | 'index' | 'refused'>;

export function resultOf(
  names: Names,
  { differences: _, examples, ...counts }: Comparison,
  repaired?: Repaired,
): Verification {
  return {
    ...names,
    ...counts,
    differences: examples.map(({ id, routing, kind }) => ({
      id: fromBytes(id),
      ...(routing !== undefined && { routing: fromBytes(routing) }),
      kind,
    })),
    ...(repaired && { repaired }),
  };
}

/** @param confirm what has to be named before anything is deleted */
export function withPlan(result: Verification, confirm: string): Verification {
  const { missing, stale, extra, refused } = result;
  // A document may be of a row that could not be read.
  const deletes = refused > 0 ? 0 : extra;
  return { ...result, planned: { write: missing + stale, delete: deletes, ...(deletes > 0 && { confirm }) } };
}

/** Whether there is something that a repair could mend. */
export function differs({ missing, extra, stale }: Pick<Comparison, DifferenceKind>): boolean {
  return missing + extra + stale > 0;
}

export function conclusionOf(result: Verification): {
  verdict: 'ok' | 'failed' | 'partial' | 'inconclusive';
  checks: Check[];
} {
  const { missing, extra, stale, doubled, refused, changing } = result;
  const check = (name: string, count: number): Check =>
    count === 0 ? { name } : { name, failure: counted(count, 'document') };
  const checks = [
    check('no document is missing', missing),
    check('no document is only in the index', extra),
    check('no document is stale', stale),
    check('no id is in the index twice', doubled),
    check('every row is a document', refused),
  ];
  if (differs(result) || doubled > 0) return { verdict: 'failed', checks };
  if (refused > 0) return { verdict: 'partial', checks };
  return { verdict: changing > 0 ? 'inconclusive' : 'ok', checks };
}

/** What the two sides do with each kind, after its number. */
const meanings: Record<DifferenceKind, string> = {
  missing: 'only in the source',
  extra: 'only in the index',
  stale: 'another content in the index',
};

export function presentVerification(result: Verification, printer: Printer): void {
  const { source, index, compared, differences, repaired } = result;
  if (repaired) presentRepair(repaired, printer);
  if (result.planned) presentPlan(result.planned, printer);
  for (const kind of ['missing', 'extra', 'stale'] as const)
    if (result[kind] > 0) printer.bad(`${counted(result[kind], 'document')} ${kind}: ${meanings[kind]}`);
  if (result.doubled > 0)
    printer.bad(`${counted(result.doubled, 'document')} of the index beside another one of the same id`);
  if (result.refused > 0)
    printer.bad(`${counted(result.refused, 'row')} of ${source} not compared: malformed, or without an id`);
  if (repaired && result.refused > 0 && result.extra > 0)
    printer.warn('nothing was deleted: what only the index has may be of the rows that were not compared');
  const found = result.missing + result.extra + result.stale;
  if (differences.length > 0) {
    const hasRouting = differences.some(({ routing }) => routing !== undefined);
    printer.table({
      columns: [{ title: 'id', cut: true }, ...(hasRouting ? [{ title: 'routing' }] : []), { title: 'what' }],
      rows: differences.map(({ id, routing = '', kind }) => [id, ...(hasRouting ? [routing] : []), kind]),
    });
    if (found > differences.length)
      printer.line(
        printer.dim(`and ${formatCount(found - differences.length)} more; all of them: -o ndjson`),
      );
  }
  if (result.unconfirmed > 0)
    printer.warn(
      `${formatCount(result.unconfirmed)} of them were not looked at a second time: there are too many`,
    );
  if (result.duplicates > 0)
    printer.warn(
      `${counted(result.duplicates, 'document')} of ${source} before another one of the same id: the last counts`,
    );
  if (result.changing > 0)
    printer.warn(
      `${counted(result.changing, 'document')} not judged: written while they were compared. Run it again.`,
    );
  const all = counted(compared, 'document');
  if (found > 0) printer.bad(`${index} is not what ${source} has: ${all} compared`);
  else if (result.doubled === 0) printer.ok(`${index} is what ${source} has: ${all} compared`);
}

function presentPlan({ write, delete: deletes, confirm }: PlannedRepair, printer: Printer): void {
  printer.line(`Would write ${counted(write, 'document')}, and delete ${counted(deletes, 'document')}.`);
  if (confirm !== undefined) printer.line(`Deleting needs --confirm ${confirm}`);
}

function presentRepair({ written, deleted, changed, rejected, reason }: Repaired, printer: Printer): void {
  printer.line(`Repaired: ${formatCount(written)} written, ${formatCount(deleted)} deleted.`);
  if (changed > 0)
    printer.warn(`${counted(changed, 'document')} left alone: written since they were compared`);
  if (rejected > 0)
    printer.bad(
      `${counted(rejected, 'document')} not taken by the index${reason === undefined ? '' : `: ${reason}`}`,
    );
}
