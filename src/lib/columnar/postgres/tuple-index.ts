/** What came is not the binary format of COPY, or of other columns than were asked for. */
export class CopyMalformed extends Error {
  override readonly name = 'CopyMalformed';
}

const messageHeaderBytes = 5;
const signature = Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1');
/** Behind the signature: flags, and the length of an extension. */
const fileHeaderBytes = signature.length + 8;

/**
 * Finds the fields of the rows in blocks of CopyData messages, so that each column can then be read in one go.
 * https://www.postgresql.org/docs/current/sql-copy.html#SQL-COPY-FILE-FORMATS
 */
export class TupleIndex {
  readonly #columns: number;
  #hasHeader = false;
  #hasTrailer = false;
  rows = 0;
  /** Field f of row r begins at `starts[r × columns + f]` of the block, */
  starts = new Int32Array(1 << 12);
  /** and its length in bytes; −1: it is null. */
  lengths = new Int32Array(1 << 12);

  constructor(columns: number) {
    this.#columns = columns;
  }

  /** Whether the server said that there are no more rows. */
  get isComplete(): boolean {
    return this.#hasTrailer;
  }

  /** @param block whole messages @throws CopyMalformed */
  read(block: Uint8Array): void {
    const columns = this.#columns;
    let { starts, lengths } = this;
    let field = 0;
    let at = 0;
    while (at < block.length) {
      const end = at + 1 + uint32(block, at + 1);
      at += messageHeaderBytes;
      if (!this.#hasHeader) at = this.#readHeader(block, at, end);
      // With the header the server sends the first row, or does not.
      if (at === end) continue;
      if (this.#hasTrailer) throw new CopyMalformed('rows come after the last one');
      const count = (block[at]! << 8) | block[at + 1]!;
      at += 2;
      if (count === 0xffff) {
        this.#hasTrailer = true;
      } else if (count !== columns) {
        throw new CopyMalformed(`a row has ${count} fields, not ${columns}`);
      } else {
        if (field + columns > starts.length) {
          [starts, lengths] = [doubled(starts, columns), doubled(lengths, columns)];
          this.starts = starts;
          this.lengths = lengths;
        }
        for (const last = field + columns; field < last; field++) {
          if (at + 4 > end) throw new CopyMalformed('a row is cut short');
          const length = uint32(block, at) | 0;
          at += 4;
          starts[field] = at;
          lengths[field] = length;
          if (length > 0) at += length;
          else if (length < -1) throw new CopyMalformed('a field has a negative length');
        }
      }
      if (at !== end) throw new CopyMalformed('a row does not end where its message does');
    }
    this.rows = columns === 0 ? 0 : field / columns;
  }

  #readHeader(block: Uint8Array, at: number, end: number): number {
    if (end - at < fileHeaderBytes || !signature.equals(block.subarray(at, at + signature.length)))
      throw new CopyMalformed('it does not begin as the binary format does');
    this.#hasHeader = true;
    return at + fileHeaderBytes + uint32(block, at + fileHeaderBytes - 4);
  }
}

function uint32(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}

function doubled(array: Int32Array, atLeast: number): Int32Array<ArrayBuffer> {
  const more = new Int32Array(2 * array.length + atLeast);
  more.set(array);
  return more;
}
