import type { Column } from './batch.js';
import { Presence } from './presence.js';

/** Lists in a batch, one after the other without gaps: rows that are null have none. */
export class ListColumn {
  readonly presence = new Presence();
  /** How many lists there are. */
  count = 0;
  /** List i has the elements from `offsets[i]` on, before `offsets[i + 1]`. */
  offsets: Int32Array;

  /** @param elements of all lists; there, null ones have a place too */
  constructor(
    readonly elements: Column,
    capacity: number,
  ) {
    this.offsets = new Int32Array(capacity + 1);
  }

  /** Bytes of its values. */
  get size(): number {
    return 4 * this.count + this.elements.size;
  }

  reserve(capacity: number): void {
    if (capacity < this.offsets.length) return;
    const more = new Int32Array(2 * capacity + 1);
    more.set(this.offsets);
    this.offsets = more;
  }

  clear(): void {
    this.count = 0;
    this.presence.clear();
    this.elements.clear();
  }
}

/** Records in a batch, as a column for each field: rows that are null have no place in those. */
export class StructColumn {
  readonly presence = new Presence();
  /** How many records there are. */
  count = 0;

  constructor(readonly fields: readonly Column[]) {}

  /** Bytes of its values. */
  get size(): number {
    return this.fields.reduce((sum, { size }) => sum + size, 0);
  }

  reserve(capacity: number): void {
    for (const field of this.fields) field.reserve(capacity);
  }

  clear(): void {
    this.count = 0;
    this.presence.clear();
    for (const field of this.fields) field.clear();
  }
}
