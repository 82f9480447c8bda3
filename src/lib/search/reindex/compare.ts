import { createHash } from 'node:crypto';

import { type ByteString, bytesOf } from '../../core/bytes.js';
import type { DocumentName, SearchEngine } from '../engine.js';
import { keyOf } from './rejections.js';

export interface Difference extends DocumentName {
  /** As seen from the source: the destination lacks it, has it alone, or has another content. */
  readonly kind: 'missing' | 'extra' | 'stale';
}

/** Of each side, documents read so far. */
export type Seen = (documents: number) => void;

/**
 * Every document by id, and by content unless `source` is false. The destination is read first: what is written to the source
 * meanwhile is missing or stale there, and never lost.
 */
export async function* differences(
  engine: SearchEngine,
  { source, destination }: { readonly source: string; readonly destination: string },
  { signal, content, seen }: { readonly signal: AbortSignal; readonly content: boolean; readonly seen: Seen },
): AsyncGenerator<Difference> {
  const options = { signal, source: content };
  const there = new Map<ByteString, { readonly name: DocumentName; readonly digest: string }>();
  let count = 0;
  for await (const hits of engine.scan(destination, options)) {
    for (const { id, routing, source } of hits)
      there.set(keyOf({ id, routing }), { name: { id, routing }, digest: digestOf(source) });
    seen((count += hits.length));
  }
  for await (const hits of engine.scan(source, options)) {
    for (const { id, routing, source } of hits) {
      const key = keyOf({ id, routing });
      const other = there.get(key);
      there.delete(key);
      if (other === undefined) yield { kind: 'missing', id, routing };
      else if (other.digest !== digestOf(source)) yield { kind: 'stale', id, routing };
    }
    seen((count += hits.length));
  }
  for (const { name } of there.values()) yield { kind: 'extra', ...name };
}

function digestOf(source: ByteString): string {
  return bytesOf(createHash('md5').update(source, 'latin1').digest());
}
