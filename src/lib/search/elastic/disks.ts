import type { ElasticClient } from './client.js';

/** The disk of a node with data. */
export interface NodeDisk {
  readonly node: string;
  readonly freeBytes: number;
  readonly totalBytes: number;
}

/** Those with the least free space first. @throws as ElasticClient.json */
export async function nodeDisks(client: ElasticClient, signal: AbortSignal): Promise<readonly NodeDisk[]> {
  type Row = Readonly<Record<'node' | 'disk.avail' | 'disk.total', string | null>>;
  const rows = await client.json<readonly Row[]>(
    {
      path: '/_cat/allocation',
      query: { format: 'json', bytes: 'b', h: 'node,disk.avail,disk.total' },
    },
    signal,
  );
  return rows
    .map((row) => ({
      node: row.node ?? '',
      freeBytes: Number(row['disk.avail'] ?? Number.NaN),
      totalBytes: Number(row['disk.total'] ?? Number.NaN),
    }))
    .filter(({ freeBytes, totalBytes }) => Number.isFinite(freeBytes) && Number.isFinite(totalBytes))
    .sort((a, b) => a.freeBytes - b.freeBytes);
}
