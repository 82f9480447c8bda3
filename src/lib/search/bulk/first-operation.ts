import { fromBytes } from '../../core/bytes.js';
import type { IndexPlan } from './index-plan.js';
import { compileOperation } from './row-operation.js';

/** What a row becomes, as text. */
export interface OperationExample {
  readonly id?: string;
  readonly document?: string;
  /** Why it is rejected before it is sent. */
  readonly unfit?: string;
}

/** What the source's first row becomes; undefined where there is none. @throws as the source */
export async function firstOperation<Row>(
  { source, rows: plan }: Pick<IndexPlan<Row>, 'source' | 'rows'>,
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
    };
  }
  return undefined;
}
