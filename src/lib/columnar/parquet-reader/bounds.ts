import type { ScalarType } from '../type.js';
import type { ValueBounds } from '../where/value-bounds.js';

/** Bounds as a file has them, but for those that cannot be trusted. */
export function readBounds(
  { storage, width, meaning }: ScalarType,
  min: Buffer | undefined,
  max: Buffer | undefined,
): Pick<ValueBounds, 'min' | 'max'> {
  const none = { min: undefined, max: undefined };
  // Writers disagree about the order of INT96.
  if (meaning.kind === 'timestamp96') return none;
  if (storage === 'bytes') return { min, max };
  const bytes = { boolean: 1, int32: 4, int64: 8, float32: 4, float64: 8, fixed: width! }[storage];
  if (min?.length !== bytes || max?.length !== bytes) return none;
  if (storage === 'float32' || storage === 'float64') {
    const read = (value: Buffer) => (storage === 'float32' ? value.readFloatLE() : value.readDoubleLE());
    if (Number.isNaN(read(min)) || Number.isNaN(read(max))) return none;
  }
  return { min, max };
}
