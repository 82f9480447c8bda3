/** How values of one kind are kept in a batch. Fixed widths are little-endian. */
export type Storage =
  | 'boolean'
  | 'int32'
  | 'int64'
  | 'float32'
  | 'float64'
  /** `width` bytes each. */
  | 'fixed'
  /** Of any length. */
  | 'bytes';

/** What values mean. */
export type Meaning =
  | { readonly kind: 'plain' }
  /** Of `int32` and `int64`: the number of bits it was declared with. */
  | { readonly kind: 'integer'; readonly bits: 16 | 32 | 64 }
  /** Of `bytes`: UTF-8. */
  | { readonly kind: 'text' }
  | { readonly kind: 'json' }
  /** Of `int32`: days since 1970-01-01. */
  | { readonly kind: 'date' }
  /** Of `int64`: microseconds since midnight. */
  | { readonly kind: 'time' }
  /** Of `int64`: microseconds since 1970-01-01 00:00, of UTC where it is an instant. */
  | { readonly kind: 'timestamp'; readonly isInstant: boolean }
  /** The same of `fixed` with 12 bytes, as Parquet's INT96 has it: nanoseconds of the day, and the Julian day. */
  | { readonly kind: 'timestamp96'; readonly isInstant: boolean }
  /** Of `int32`, `int64` or `fixed` (big-endian two's complement): units of 10^−scale. */
  | { readonly kind: 'decimal'; readonly precision: number; readonly scale: number }
  /** Of `fixed` with 16 bytes. */
  | { readonly kind: 'uuid' };

/** Values without parts. */
export interface ScalarType {
  readonly storage: Storage;
  /** Bytes of a value with the storage `fixed`. */
  readonly width?: number;
  readonly meaning: Meaning;
}

export type Type =
  | ScalarType
  /** Any number of elements, each of which may be null. */
  | { readonly storage: 'list'; readonly element: Type }
  | { readonly storage: 'struct'; readonly fields: Schema };

/** A column, or a part of one. All may be null: a query's columns may, whatever the table says. */
export interface Field {
  readonly name: string;
  readonly type: Type;
}

export type Schema = readonly Field[];
