import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, afterEach } from 'vitest';
import { openFileSource, openStdinSource } from '../../../src/lib/sources/open.js';
import type { ReadOptions, RejectedRow, RowBatch, RowSource } from '../../../src/lib/sources/row-source.js';

const folder = mkdtempSync(join(tmpdir(), 'metrify-sources-'));
let count = 0;
afterAll(() => rmSync(folder, { recursive: true, force: true }));

export function file(content: string | Buffer, extension = 'csv'): string {
  const path = join(folder, `${count++}.${extension}`);
  writeFileSync(path, content);
  return path;
}

const opened: RowSource[] = [];
afterEach(async () => {
  for (const source of opened.splice(0)) await source.close();
});

/** Closed when the test has ended. */
export async function openPath(path: string): Promise<RowSource> {
  const source = await openFileSource(path);
  opened.push(source);
  return source;
}

export const openFile = (content: string | Buffer, extension?: string) => openPath(file(content, extension));

export function openChunks(...chunks: (string | Buffer)[]): Promise<RowSource> {
  return openStdinSource(Readable.from(chunks.map((chunk) => Buffer.from(chunk as string))));
}

export interface Everything {
  json: string[];
  rows: unknown[];
  lines: number[];
  rejected: RejectedRow[];
  batches: RowBatch<unknown>[];
}

export async function readAll(source: RowSource, options: Partial<ReadOptions> = {}): Promise<Everything> {
  const all: Everything = { json: [], rows: [], lines: [], rejected: [], batches: [] };
  for await (const batch of source.batches({ signal: new AbortController().signal, ...options })) {
    all.batches.push(batch);
    all.rows.push(...batch.rows);
    all.json.push(...batch.rows.map((row) => Buffer.from(source.json(row), 'latin1').toString('utf8')));
    all.lines.push(...batch.lines!);
    all.rejected.push(...batch.rejected);
  }
  return all;
}
