import { toBytes } from '../../core/bytes.js';
import type { DeadLetterFile } from '../../runs/dead-letters.js';
import type { SearchEngine } from '../engine.js';
import type { Rejection } from './rejections.js';

const batchSize = 200;

/** Writes the rejected documents, as the source has them now. @throws NotWritten */
export async function writeRejections(
  engine: SearchEngine,
  source: string,
  rejections: readonly Rejection[],
  file: DeadLetterFile,
  signal: AbortSignal,
): Promise<void> {
  for (let start = 0; start < rejections.length; start += batchSize) {
    const batch = rejections.slice(start, start + batchSize);
    const names = batch.map(({ name }) => name);
    const documents = await engine.read(source, names, signal);
    for (const [i, { name, reason }] of batch.entries())
      file.add({ key: name.id, reason, row: documents[i]?.source ?? toBytes('') });
    await file.flush();
  }
}
