import { unitsAt, widthOfDecimal } from '../decimal.js';
import { typeName } from '../type-name.js';
import type { Field, ScalarType } from '../type.js';
import { scalarsOf, widerType } from '../wider-type.js';
import type { Convert } from './conversions.js';
import { ParquetMalformed } from './malformed.js';
import { type FixedValues, fixedValues } from './values.js';

/**
 * How the leaves of a file's column become those of another type that holds all of its values.
 * @returns for each leaf, what is done with its values: `before`, and then the widening
 * @throws ParquetMalformed where the type does not hold them
 */
export function widening(
  { name, type }: Field,
  wanted: Field,
): (leaf: number, before: Convert | undefined) => Convert | undefined {
  const wider = widerType(wanted.type, type);
  if (!wider || typeName(wider) !== typeName(wanted.type))
    throw new ParquetMalformed(`the column '${name}' is ${typeName(type)}, not ${typeName(wanted.type)}`);
  const [from, to] = [scalarsOf(type), scalarsOf(wanted.type)];
  const steps = from.map((scalar, i) => stepOf(scalar, to[i]!));
  return (leaf, before) => {
    const step = steps[leaf];
    return before && step ? (values) => step(before(values)) : (step ?? before);
  };
}

/** @returns undefined where the values are the same bytes */
function stepOf(from: ScalarType, to: ScalarType): Convert | undefined {
  const { meaning: m } = from;
  const { meaning: n } = to;
  if (m.kind === 'decimal' && n.kind === 'decimal') {
    const isSame = m.scale === n.scale && from.storage === to.storage && from.width === to.width;
    return isSame ? undefined : decimalBytes(from, to, 10n ** BigInt(n.scale - m.scale));
  }
  if (from.storage === to.storage) return undefined;
  return from.storage === 'int32' ? wordToLong : floatToDouble;
}

const wordToLong: Convert = (values) => {
  const { count, bytes } = values as FixedValues;
  const from = new Int32Array(bytes.buffer, bytes.byteOffset, count);
  const out = fixedValues(count, 8);
  for (let i = 0; i < count; i++) out.view.setBigInt64(8 * i, BigInt(from[i]!), true);
  return out;
};

const floatToDouble: Convert = (values) => {
  const { count, bytes } = values as FixedValues;
  const from = new Float32Array(bytes.buffer, bytes.byteOffset, count);
  const out = fixedValues(count, 8);
  for (let i = 0; i < count; i++) out.view.setFloat64(8 * i, from[i]!, true);
  return out;
};

/** @param factor of the units: more digits behind the point */
function decimalBytes(from: ScalarType, to: ScalarType, factor: bigint): Convert {
  return (values) => {
    const { count, bytes } = values as FixedValues;
    const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    const width = widthOfDecimal(to);
    const out = fixedValues(count, width);
    const made = Buffer.from(out.bytes.buffer);
    for (let i = 0; i < count; i++) {
      const units = unitsAt(from, all, i) * factor;
      if (to.storage === 'int32') made.writeInt32LE(Number(units), 4 * i);
      else if (to.storage === 'int64') made.writeBigInt64LE(units, 8 * i);
      else
        made.write(
          BigInt.asUintN(8 * width, units)
            .toString(16)
            .padStart(2 * width, '0'),
          i * width,
          'hex',
        );
    }
    return out;
  };
}
