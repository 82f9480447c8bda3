import type { Cell } from '../../../src/lib/columnar/cells.js';
import { daysOf, timeOf, timestampOf } from '../../../src/lib/columnar/rows/times.js';
import type { Type } from '../../../src/lib/columnar/type.js';
import type { LakeValue } from '../../servers/lake.js';

/** A value that metrify reads, in the form in which other readers are asked. */
export function lakeValue(cell: Cell, type: Type): LakeValue {
  if (cell === null || typeof cell === 'boolean') return cell;
  if (type.storage === 'list') return (cell as readonly Cell[]).map((each) => lakeValue(each, type.element));
  if (type.storage === 'struct') {
    const parts = cell as Readonly<Record<string, Cell>>;
    return Object.fromEntries(
      type.fields.map((field) => [field.name, lakeValue(parts[field.name]!, field.type)]),
    );
  }
  if (Buffer.isBuffer(cell)) return `base64:${cell.toString('base64')}`;
  const text = String(cell);
  switch (type.meaning.kind) {
    case 'date':
      return String(daysOf(text));
    case 'time':
      return String(timeOf(text));
    case 'timestamp':
    case 'timestamp96':
      return String(timestampOf(text, true));
    default:
      return text;
  }
}
