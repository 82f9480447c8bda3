import { fromBytes, bytesOf } from '../../core/bytes.js';
import { corePath, type SolrClient } from './client.js';

/** Milliseconds since the epoch are in the bits from here on: Solr's own versions are times, with a counter below. */
const timeBits = 20n;

/** The highest `_version_` of what searches see; undefined when there is nothing. @throws as SolrClient.bytes */
export async function newestVersion(
  client: SolrClient,
  core: string,
  signal: AbortSignal,
): Promise<bigint | undefined> {
  const query = { q: '*:*', sort: '_version_ desc', fl: '_version_', rows: '1', wt: 'json' };
  const { body } = await client.bytes({ path: corePath(core, 'select'), query }, signal);
  const found = /"_version_"\s*:\s*(\d+)/.exec(fromBytes(bytesOf(body)))?.[1];
  return found === undefined ? undefined : BigInt(found);
}

/** Documents with a higher `_version_`, in Solr's query language. */
export function newerThan(version: bigint): string {
  return `_version_:{${version} TO *]`;
}

/** A version that is so much older. */
export function before(version: bigint, ms: number): bigint {
  const older = version - (BigInt(ms) << timeBits);
  return older < 0n ? 0n : older;
}
