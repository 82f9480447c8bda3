import { fromBytes } from '../../core/bytes.js';
import type { IndexPlan } from './index-plan.js';
import { compileOperation } from './row-operation.js';
import { lacksTime } from './time-member.js';

/** What a row becomes, as text. */
export interface OperationExample {
  readonly id?: string;
  readonly document?: string;
  /** Why it is rejected before it is sent. */
  readonly unfit?: string;
  /** It has no time, which the index wants. */
  readonly lacksTime?: boolean;
}

/** What the source's first row becomes; undefined where there is none. @throws as the source */
export async function firstOperation<Row>(
  { source, rows: plan, wantsTime }: Pick<IndexPlan<Row>, 'source' | 'rows' | 'wantsTime'>,
  signal: AbortSignal,
): Promise<OperationExample | undefined> {
  const make = compileOperation(source, plan);
  for await (const { rows } of source.batches({ signal })) {
    if (rows.length === 0) continue;
    const operation = make(rows[0]!, undefined);
    if ('unfit' in operation) return operation;
    return {
      id: fromBytes(operation.id),
      ...(operation.source === undefined ? {} : { document: fromBytes(operation.source) }),
      ...(wantsTime && lacksTime(operation) ? { lacksTime: true } : {}),
    };
  }
  return undefined;
}
