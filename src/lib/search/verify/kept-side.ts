import { bytesOf } from '../../core/bytes.js';
import { NamelessFile } from './nameless-file.js';
import type { Side, SideDocument } from './side.js';

/** Three lengths: of the id, of the routing plus one, or 0 without one, and of the document. */
const headBytes = 12;
/** What is read at once. */
const chunkBytes = 1024 * 1024;

/** A side that can be read only once, such as standard input: its documents are kept in a temporary file. */
export class KeptSide implements Side {
  readonly #side: Side;
  readonly #file: NamelessFile;
  #length = 0;
  #isKept = false;

  constructor(side: Side, folder: string) {
    this.#side = side;
    this.#file = new NamelessFile(folder);
  }

  get label(): string {
    return this.#side.label;
  }

  get estimate(): number | undefined {
    return this.#side.estimate;
  }

  documents(signal: AbortSignal): AsyncIterable<readonly SideDocument[]> {
    return this.#isKept ? this.#again(signal) : this.#first(signal);
  }

  close(): Promise<void> {
    return this.#file.close();
  }

  async *#first(signal: AbortSignal): AsyncGenerator<readonly SideDocument[]> {
    for await (const documents of this.#side.documents(signal)) {
      const bytes = Buffer.concat(documents.flatMap(partsOf));
      await this.#file.write(bytes, this.#length);
      this.#length += bytes.length;
      yield documents;
    }
    this.#isKept = true;
  }

  async *#again(signal: AbortSignal): AsyncGenerator<readonly SideDocument[]> {
    let rest = Buffer.alloc(0);
    for (let at = 0; at < this.#length;) {
      signal.throwIfAborted();
      const chunk = Buffer.allocUnsafe(Math.min(chunkBytes, this.#length - at));
      await this.#file.read(chunk, at);
      at += chunk.length;
      const bytes = Buffer.concat([rest, chunk]);
      const { documents, end } = documentsOf(bytes);
      rest = bytes.subarray(end);
      yield documents;
    }
  }
}

function partsOf({ id, routing, source }: SideDocument): readonly Buffer[] {
  const head = Buffer.allocUnsafe(headBytes);
  head.writeUInt32LE(id.length, 0);
  head.writeUInt32LE(routing === undefined ? 0 : routing.length + 1, 4);
  head.writeUInt32LE(source.length, 8);
  return [head, Buffer.from(id + (routing ?? '') + source, 'latin1')];
}

/** The whole documents of it, and where they end. */
function documentsOf(bytes: Buffer): { readonly documents: readonly SideDocument[]; readonly end: number } {
  const documents: SideDocument[] = [];
  let end = 0;
  while (end + headBytes <= bytes.length) {
    const [idLength, routingLength, sourceLength] = [0, 4, 8].map((at) => bytes.readUInt32LE(end + at)) as [
      number,
      number,
      number,
    ];
    const afterId = end + headBytes + idLength;
    const afterRouting = afterId + Math.max(0, routingLength - 1);
    if (afterRouting + sourceLength > bytes.length) break;
    documents.push({
      id: bytesOf(bytes, end + headBytes, afterId),
      routing: routingLength === 0 ? undefined : bytesOf(bytes, afterId, afterRouting),
      source: bytesOf(bytes, afterRouting, afterRouting + sourceLength),
    });
    end = afterRouting + sourceLength;
  }
  return { documents, end };
}
