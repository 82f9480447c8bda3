import { memberOf } from '../../sources/jsonl.js';
import type { Operation } from '../engine.js';

/** By which documents are found by time, and age, where the mapping has it. */
export const timeField = '@timestamp';

const timeOf = memberOf(timeField);

/** Whether an operation writes a document that no question about times will find. */
export function lacksTime({ kind, source }: Operation): boolean {
  return (kind === 'index' || kind === 'create') && source !== undefined && timeOf(source) === null;
}
