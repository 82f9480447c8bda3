/** Bytes that are not messages of PostgreSQL's protocol, or that pg could not make sense of. */
export class NotPostgres extends Error {
  override readonly name = 'NotPostgres';
}

const headerBytes = 5;
const copyData = 0x64;
/** The server's own limit. */
const longestMessage = 2 ** 30;

/**
 * What a server may send, and what is in the body where that is text up to a zero byte. pg reads such a text past the end
 * of its message, and where no zero byte comes, for ever. The others have lengths.
 * https://www.postgresql.org/docs/current/protocol-message-formats.html
 */
const bodies: Record<string, ((body: Buffer) => boolean) | undefined> = {
  A: (body) => endOfTexts(body, 4, 2) === body.length,
  C: (body) => endOfTexts(body, 0, 1) === body.length,
  E: hasFields,
  N: hasFields,
  R: isAuthentication,
  S: (body) => endOfTexts(body, 0, 2) === body.length,
  T: hasColumns,
};
const types = new Set('123ACDEGHIKNRSTVWZcdnstv');

/** Follows what a server sends, piece by piece. */
export class MessageCheck {
  /** Of a message whose header is not whole, or whose body is looked at. */
  #held: Buffer = Buffer.alloc(0);
  /** Of a body that is not looked at. */
  #passing = 0;

  /** @throws NotPostgres */
  feed(piece: Buffer): void {
    const bytes = this.#held.length > 0 ? Buffer.concat([this.#held, piece]) : piece;
    let at = this.#passing;
    while (at + headerBytes <= bytes.length) {
      // A row of COPY is a message: nothing is made for one.
      if (bytes[at] === copyData && bytes[at + 1]! < 0x40) {
        const length =
          (bytes[at + 1]! << 24) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 8) | bytes[at + 4]!;
        if (length >= 4) {
          at += 1 + length;
          continue;
        }
      }
      const type = String.fromCharCode(bytes[at]!);
      const length = bytes.readUInt32BE(at + 1);
      if (!types.has(type) || length < 4 || length > longestMessage)
        throw new NotPostgres(`a message of type ${JSON.stringify(type)} and ${length} bytes`);
      const end = at + 1 + length;
      const isWhole = bodies[type];
      if (isWhole) {
        if (end > bytes.length) break;
        if (!isWhole(bytes.subarray(at + headerBytes, end)))
          throw new NotPostgres(`a message of type ${JSON.stringify(type)} that is not whole`);
      }
      at = end;
    }
    this.#passing = Math.max(0, at - bytes.length);
    this.#held = bytes.subarray(at);
  }
}

/** Where so many texts from there on end; -1 when one of them does not. */
function endOfTexts(body: Buffer, from: number, count: number): number {
  let at = from;
  for (let i = 0; i < count; i++) {
    const zero = body.indexOf(0, at);
    if (zero < 0) return -1;
    at = zero + 1;
  }
  return at;
}

/** Of an error or a notice: a letter and a text each, and a zero byte. */
function hasFields(body: Buffer): boolean {
  let at = 0;
  while (at < body.length && body[at] !== 0) {
    at = endOfTexts(body, at + 1, 1);
    if (at < 0) return false;
  }
  return at === body.length - 1;
}

/** A name and 18 bytes of each column. */
function hasColumns(body: Buffer): boolean {
  if (body.length < 2) return false;
  let at = 2;
  for (let left = body.readUInt16BE(0); left > 0; left--) {
    const end = endOfTexts(body, at, 1);
    if (end < 0) return false;
    at = end + 18;
  }
  return at === body.length;
}

/** The names of SASL mechanisms are texts, up to an empty one. */
function isAuthentication(body: Buffer): boolean {
  if (body.length < 4) return false;
  if (body.readUInt32BE(0) !== 10) return true;
  let at = 4;
  while (at < body.length && body[at] !== 0) {
    at = endOfTexts(body, at, 1);
    if (at < 0) return false;
  }
  return at === body.length - 1;
}
